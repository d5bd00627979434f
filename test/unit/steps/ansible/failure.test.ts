import { describe, expect, it } from "vitest";
import type { ActionContext } from "../../../../src/steps/action.js";
import { requirePlayed } from "../../../../src/steps/ansible/failure.js";
import { PlayEvents } from "../../../../src/steps/ansible/play-events.js";
import { ansibleSchema } from "../../../../src/steps/ansible/schema.js";
import { errorOf } from "../../../support/inputs.js";

const action = ansibleSchema.parse({ ansible: "site.yml" });

/** Returns the error of a run that ended with exit code 2, in a guest with these interpreters. */
function failWith(events: PlayEvents, pythons: string[] = [], lines: string[] = []) {
  const guest = { ask: () => Promise.resolve(pythons) };
  const context = { guest, timeoutMs: 1000 } as unknown as ActionContext;
  const end = { exitCode: 2, signal: null, timedOut: false };
  return errorOf(requirePlayed(action, { end, events, lines }, context));
}

/** Events of the first task in a guest without Python, as Ansible 2.14 reports it. */
function withoutPython(): PlayEvents {
  const events = new PlayEvents();
  const failed = {
    event: "failed",
    play: "all",
    task: "Gathering Facts",
    path: "/p/site.yml:1",
    host: "default",
    ignored: false,
    message:
      "The module failed to execute correctly, you probably need to set the interpreter.\nSee stdout/stderr for the exact error",
    stdout: "/bin/sh: 1: /usr/bin/python: not found",
    stderr: "",
  };
  events.take(`${events.mark} ${JSON.stringify(failed)}`);
  return events;
}

describe("requirePlayed", () => {
  it("says that the guest has no Python, and which package to install", async () => {
    const error = await failWith(withoutPython());
    expect(error.message).toBe(
      'site.yml: task "Gathering Facts" failed on default: the guest has no python3, which Ansible\'s modules need',
    );
    expect(error.hint).toContain("apt-get install -y python3");
  });

  it("leaves it to Ansible's message where the guest has Python", async () => {
    const error = await failWith(withoutPython(), ["/usr/bin/python3"]);
    expect(error.message).toContain("you probably need to set the interpreter.");
    expect(error.lines).toContain("/bin/sh: 1: /usr/bin/python: not found");
  });

  it.each([
    ["ERROR! couldn't resolve module/action 'community.general.ufw'.", "requirements"],
    ["ERROR! the role 'web' was not found in /p/roles", "rolesPath"],
    ["ERROR! Specified hosts and/or --limit does not match any hosts; no hosts to target", "limit"],
  ])("says what to do about %j", async (line, hint) => {
    const error = await failWith(new PlayEvents(), [], [line]);
    expect(error.message).toBe("ansible-playbook site.yml failed with exit code 2");
    expect(error.lines).toEqual([line]);
    expect(error.hint).toContain(hint);
  });
});
