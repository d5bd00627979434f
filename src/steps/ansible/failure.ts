/** Creates the errors of playbooks that failed, with playbook, task and host. */
import { VmbuildError } from "../../errors.js";
import type { ActionContext } from "../action.js";
import { commandError } from "../run-in-guest.js";
import { countsText } from "./play-events.js";
import type { PlayEvents, TaskCounts, TaskFailure } from "./play-events.js";
import type { AnsibleAction } from "./schema.js";

/** End of ansible-playbook. */
export interface PlaybookEnd {
  readonly exitCode: number | null;
  /** Name of the signal, without `SIG`. */
  readonly signal: string | null;
  readonly timedOut: boolean;
}

/** Number of lines that are shown of each output of a task. */
const SHOWN_LINES = 10;

/** Shell command that prints the Python interpreters of a guest that Ansible would find. */
const FIND_PYTHON =
  "command -v python3 || command -v python || ls /usr/libexec/platform-python 2>/dev/null || true";

/** Matches what shells and Ansible print where the interpreter of a module is missing. */
const PYTHON_MISSING = /python[\w./-]*:? .*(not found|no such file)|interpreter/i;

function lastLines(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line.trim() !== "")
    .slice(-SHOWN_LINES);
}

/** Returns what is known about a failed task: its whole message, its output, its place. */
function linesOf({ message, stdout, stderr, path }: TaskFailure): string[] {
  const [, ...more] = message.split("\n");
  return [
    ...more.filter((line) => line.trim() !== "").slice(0, SHOWN_LINES),
    ...lastLines(stdout),
    ...lastLines(stderr),
    ...(path === "" ? [] : [`task path: ${path}`]),
  ];
}

async function hasNoPython(failure: TaskFailure, context: ActionContext): Promise<boolean> {
  const said = [failure.message, failure.stdout, failure.stderr].join("\n");
  if (!PYTHON_MISSING.test(said)) return false;
  return (await context.guest.ask(FIND_PYTHON, "Looking for Python")).length === 0;
}

/** Returns the error for a task that failed, or that did not reach the host. */
async function taskError(
  action: AnsibleAction,
  failure: TaskFailure,
  counts: TaskCounts | undefined,
  context: ActionContext,
): Promise<VmbuildError> {
  const { task, host, play, message } = failure;
  const [first = ""] = message.split("\n");
  const how =
    failure.event === "failed" ? `failed on ${host}` : `did not run: ${host} could not be reached`;
  const noPython = await hasNoPython(failure, context);
  const reason = noPython ? "the guest has no python3, which Ansible's modules need" : first;
  const hint = noPython
    ? "Install python3 in an earlier step, such as `apt-get install -y python3`, or by a raw task of a play with gather_facts: false."
    : undefined;
  const text = `${action.ansible}: task "${task}" ${how}${reason === "" ? "" : `: ${reason}`}`;
  return new VmbuildError("STEP_FAILED", text, {
    lines: [...linesOf(failure), ...(counts ? [`tasks: ${countsText(counts)}`] : [])],
    hint,
    details: { playbook: action.ansible, play, task, host, counts },
  });
}

/** Hints for errors before the first task. */
const HINTS: readonly (readonly [RegExp, string])[] = [
  [
    /couldn't resolve module\/action|the role '.*' was not found|unable to (find|locate) collection/i,
    "List the role or the collection in a requirements file and name it under requirements, or name a folder of roles under rolesPath.",
  ],
  [
    /no hosts to target|could not match supplied host pattern/i,
    "The guest has the name of hostAlias and is in the groups of the action; correct these or limit.",
  ],
];

/**
 * Throws the error for a playbook that failed, or that had nothing to do with the guest.
 * @param lines last lines of the output.
 * @throws {VmbuildError} STEP_FAILED with playbook, task and host; STEP_TIMEOUT.
 */
export async function requirePlayed(
  action: AnsibleAction,
  ended: {
    readonly end: PlaybookEnd;
    readonly events: PlayEvents;
    readonly lines: readonly string[];
  },
  context: ActionContext,
): Promise<void> {
  const { end, events, lines } = ended;
  if (end.exitCode !== 0) {
    if (events.failure && end.exitCode !== null && !end.timedOut) {
      throw await taskError(action, events.failure, events.counts, context);
    }
    const { code, message, details } = commandError(
      `ansible-playbook ${action.ansible}`,
      end,
      context.timeoutMs,
      lines,
    );
    const hint = HINTS.find(([pattern]) => lines.some((line) => pattern.test(line)))?.[1];
    throw new VmbuildError(code, message, { lines, hint, details });
  }
  const plays = events.unmatchedPlays;
  if (plays === undefined) return;
  throw new VmbuildError(
    "STEP_FAILED",
    `${action.ansible}: no play is for the guest, which is called ${action.hostAlias} in the inventory`,
    {
      lines: plays.map((play) => `no host of the inventory matches the play "${play}"`),
      hint: "Name the hosts or groups of the plays under hostAlias or groups.",
    },
  );
}
