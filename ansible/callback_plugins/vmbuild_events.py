"""Reports the tasks of a playbook to vmbuild: a marked line with a JSON object for each result.

The plugin also runs with the Ansible of a guest, which may be as old as 2.9 and use Python 2.7.
"""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

DOCUMENTATION = """
    name: vmbuild_events
    type: notification
    short_description: Reports tasks to vmbuild
    description:
      - Prints a marked line for each result of a task. vmbuild counts them, and names the task that failed.
      - Does nothing unless the environment has VMBUILD_EVENT_MARK.
    requirements: []
"""

import json
import os
import sys

from ansible.plugins.callback import CallbackBase

# Longest text of a field, and longest line, in characters. vmbuild splits lines of 16384.
MAX_TEXT = 2000
MAX_LINE = 12000


def part(result, name):
    """Returns the host, task or result of a task's result, by the name of old and new versions."""
    value = getattr(result, name, None)
    return getattr(result, "_" + name) if value is None else value


def text_of(value):
    """Returns the text of a value of a result."""
    if isinstance(value, (list, tuple)):
        return "\n".join(text_of(item) for item in value)
    if isinstance(value, dict):
        return json.dumps(value, default=str)
    return "" if value is None else "%s" % (value,)


def end_of(text):
    """Returns the end of a text, where programs print their errors."""
    return text[-MAX_TEXT:]


class CallbackModule(CallbackBase):
    """Prints the events. Ansible loads it without being told, because it needs no enabling."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "vmbuild_events"

    def __init__(self, *args, **kwargs):
        super(CallbackModule, self).__init__(*args, **kwargs)
        self.mark = os.environ.get("VMBUILD_EVENT_MARK")
        self.disabled = not self.mark
        self.play = ""

    def report(self, **event):
        """Prints an event. Texts are ASCII in JSON, whatever the encoding of the output is."""
        line = json.dumps(event, sort_keys=True)
        if len(line) > MAX_LINE:
            event.update(message=text_of(event.get("message"))[:500], stdout="", stderr="")
            line = json.dumps(event, sort_keys=True)
        # One call for the whole line: other threads print too.
        sys.stdout.write("%s %s\n" % (self.mark, line))
        sys.stdout.flush()

    def failure(self, result, kind, ignored=False):
        """Reports a task that failed, with its message, its output and its place."""
        task = part(result, "task")
        value = part(result, "result")
        items = value.get("results") or []
        failed = [item for item in items if isinstance(item, dict) and item.get("failed")]
        source = failed[0] if failed and "censored" not in value else value
        message = source.get("censored") or source.get("msg") or source.get("reason")
        self.report(
            event=kind,
            play=self.play,
            task=task.get_name(),
            path=task.get_path() or "",
            host=part(result, "host").get_name(),
            ignored=bool(ignored),
            message=text_of(message)[:MAX_TEXT],
            stdout=end_of(text_of(source.get("stdout") or source.get("module_stdout"))),
            stderr=end_of(text_of(source.get("stderr") or source.get("module_stderr"))),
        )

    def v2_playbook_on_play_start(self, play):
        self.play = play.get_name()
        self.report(event="play", play=self.play)

    def v2_playbook_on_no_hosts_matched(self):
        self.report(event="no-hosts", play=self.play)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self.failure(result, "failed", ignore_errors)

    def v2_runner_on_unreachable(self, result):
        self.failure(result, "unreachable")

    def v2_playbook_on_stats(self, stats):
        hosts = dict((host, stats.summarize(host)) for host in stats.processed)
        self.report(event="stats", hosts=hosts)
