/** Runs a script in the guest on behalf of an action, and turns a bad end into an error. */
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import { Tail } from "../host/lines.js";
import { describeEnding } from "../guest/outlook.js";
import type { Outlook } from "../guest/outlook.js";
import type { ActionContext } from "./action.js";
import { LINE_ENDS, isShell, lineEndsOf } from "./line-ends.js";

/** What to run. `what` names it in messages. */
export interface ActionScript {
  readonly what: string;
  readonly content: Buffer | string;
  readonly interpreter: readonly string[];
  readonly arguments?: readonly string[];
}

/** The error of a command that ended badly, here or in the guest. */
export function commandError(
  what: string,
  end: { exitCode: number | null; signal: string | null; timedOut: boolean },
  timeoutMs: number,
  lastLines: readonly string[],
): VmbuildError {
  const details = { command: what, exitCode: end.exitCode, signal: end.signal };
  if (end.timedOut) {
    const message = `${what} exceeded its timeout of ${formatDuration(timeoutMs)}`;
    return new VmbuildError("STEP_TIMEOUT", message, { lines: lastLines, details });
  }
  const how = end.signal
    ? `was terminated by SIG${end.signal}`
    : `failed with exit code ${end.exitCode}`;
  return new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: lastLines, details });
}

/** Commands that end a system, as far as a script's own text shows them. */
const ENDS_SYSTEM = /\b(reboot|shutdown|poweroff|halt|kexec|isolate|(tel)?init\s+[0-6])\b/;

/** What a script gets that a shutdown ends. */
const SHUTDOWN_SIGNALS: ReadonlySet<string | null> = new Set(["TERM", "HUP"]);

const RESTART_HINT =
  "To restart the guest, use a reboot action, which waits until the guest answers again. Do not " +
  "power the guest off in a step: vmbuild does so after the last one.";

/** The error for a script after which the guest does not stay. `details.ending` says what it does. */
export function endingError(
  what: string,
  ending: NonNullable<Outlook["ending"]>,
  lines: readonly string[] = [],
): VmbuildError {
  return new VmbuildError("GUEST_LOST", `${what}: the guest is ${describeEnding(ending)}`, {
    lines,
    hint: RESTART_HINT,
    details: { ending: ending.how },
  });
}

/** What a script that may have ended the system has left; its own failure counts for more. */
async function endingOf(context: ActionContext) {
  try {
    return (await context.guest.outlook()).ending;
  } catch (error) {
    if (error instanceof VmbuildError && error.code === "GUEST_SHELL") return undefined;
    throw error;
  }
}

/** A lost connection whose cause the script's own text shows. */
function withRestartHint(error: unknown, what: string): unknown {
  const isLost = error instanceof VmbuildError && error.code === "GUEST_LOST";
  if (!isLost || error.details["ending"] !== undefined) return error;
  const message = `${error.message}: ${what}`;
  return new VmbuildError("GUEST_LOST", message, {
    cause: error,
    lines: error.lines,
    hint: RESTART_HINT,
    details: { ending: "unknown" },
  });
}

/**
 * Runs it with the step's environment and deadline, its lines going to the step's log.
 * @throws {VmbuildError} STEP_FAILED or STEP_TIMEOUT with the last lines; STEP_FAILED for a shell
 *   script with line ends of Windows; GUEST_LOST when the guest does not stay, also where the script
 *   itself ended well.
 */
export async function runInGuest(context: ActionContext, script: ActionScript): Promise<void> {
  if (isShell(script.interpreter) && lineEndsOf(script.content) === "windows") {
    // An earlier action may have made it: nothing could be said of it before.
    throw new VmbuildError("STEP_FAILED", `${script.what} ${LINE_ENDS.windows}`);
  }
  const mayEnd = ENDS_SYSTEM.test(String(script.content));
  try {
    await runToEnd(context, script, mayEnd);
  } catch (error) {
    throw mayEnd ? withRestartHint(error, script.what) : error;
  }
}

async function runToEnd(
  context: ActionContext,
  script: ActionScript,
  mayEnd: boolean,
): Promise<void> {
  const tail = new Tail();
  const end = await context.guest.run({
    content: script.content,
    interpreter: script.interpreter,
    arguments: script.arguments ?? [],
    environment: context.environment,
    timeoutMs: context.timeoutMs,
    onLine: (line, stream) => {
      tail.push(line);
      context.onLine(line, stream);
    },
  });
  if (!end.timedOut && (mayEnd || SHUTDOWN_SIGNALS.has(end.signal))) {
    const ending = await endingOf(context);
    if (ending) throw endingError(script.what, ending, tail.lines);
  }
  if (end.exitCode !== 0) throw commandError(script.what, end, context.timeoutMs, tail.lines);
}
