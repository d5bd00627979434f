/** Runs a script in the guest for an action, and converts a failure to an error. */
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { ScriptEnd } from "../guest/script.js";
import { formatDuration } from "../host/format.js";
import { Tail } from "../host/lines.js";
import { describeShutdown } from "../guest/system-state.js";
import type { SystemState } from "../guest/system-state.js";
import type { ActionContext } from "./action.js";
import { isAccepted } from "./script-options.js";
import type { ScriptOptions } from "./script-options.js";
import { LINE_ENDING_PROBLEMS, isShell, lineEndingsOf } from "./line-endings.js";

/** Script to run, with its options. `what` names it in messages. */
export interface ActionScript extends ScriptOptions {
  readonly what: string;
  readonly content: Buffer | string;
  readonly interpreter: readonly string[];
  readonly arguments?: readonly string[];
}

/** End of a command on the host or in the guest. */
interface CommandEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** Exit codes with which it would have succeeded, where the template gives them. */
  readonly accepted?: readonly number[] | undefined;
}

/** Returns the error for a command that failed, on the host or in the guest. */
export function commandError(
  what: string,
  end: CommandEnd,
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
    : `failed with exit code ${end.exitCode}${acceptedCodes(end.accepted)}`;
  return new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: lastLines, details });
}

function acceptedCodes(accepted: readonly number[] | undefined): string {
  if (accepted === undefined) return "";
  return ` (accepted: ${accepted.join(", ")})`;
}

/** Matches commands that shut down the system, as far as a script's text shows them. */
const SHUTDOWN_COMMANDS = /\b(reboot|shutdown|poweroff|halt|kexec|isolate|(tel)?init\s+[0-6])\b/;

/** Signals that end a script during a shutdown. */
const SHUTDOWN_SIGNALS: ReadonlySet<string | null> = new Set(["TERM", "HUP"]);

const RESTART_HINT =
  "To restart the guest, use a reboot action, which waits until the guest answers again, or set " +
  '"expectReboot": true for a script that restarts it by itself. Do not power the guest off in a ' +
  "step: vmbuild does so after the last one.";

/**
 * Returns the error for a script after which the guest shuts down. `details.ending` is the kind of
 * shutdown.
 */
export function guestShutdownError(
  what: string,
  ending: NonNullable<SystemState["pendingShutdown"]>,
  lines: readonly string[] = [],
): VmbuildError {
  return new VmbuildError("GUEST_LOST", `${what}: the guest is ${describeShutdown(ending)}`, {
    lines,
    hint: RESTART_HINT,
    details: { ending: ending.kind },
  });
}

/** Returns the shutdown that a script may have started. Its own failure takes precedence. */
async function pendingShutdownOf(context: ActionContext) {
  try {
    return (await context.guest.systemState()).pendingShutdown;
  } catch (error) {
    if (error instanceof VmbuildError && error.code === "GUEST_SHELL") return undefined;
    throw error;
  }
}

/** Adds a hint to a lost connection whose cause the script's text shows. */
function withRestartHint(error: unknown, what: string): unknown {
  if (!(error instanceof VmbuildError) || error.code !== "GUEST_LOST") return error;
  if (error.details["ending"] !== undefined) return error;
  const message = `${error.message}: ${what}`;
  return new VmbuildError("GUEST_LOST", message, {
    cause: error,
    lines: error.lines,
    hint: RESTART_HINT,
    details: { ending: "unknown" },
  });
}

/**
 * Runs a script with the step's environment and time limit, and writes its output to the step's
 * log.
 * @throws {VmbuildError} STEP_FAILED or STEP_TIMEOUT with the last lines; STEP_FAILED for a shell
 *   script with Windows line endings; GUEST_LOST when the guest shuts down, even if the script
 *   itself succeeded.
 */
export async function runInGuest(context: ActionContext, script: ActionScript): Promise<void> {
  if (isShell(script.interpreter) && lineEndingsOf(script.content) === "windows") {
    // An earlier action may have created the script, so that it could not be checked before.
    throw new VmbuildError("STEP_FAILED", `${script.what} ${LINE_ENDING_PROBLEMS.windows}`);
  }
  const { expectReboot = false } = script;
  if (expectReboot !== false) return runUntilReboot(context, script, expectReboot === "maybe");
  const mayEnd = SHUTDOWN_COMMANDS.test(String(script.content));
  try {
    await runToEnd(context, script, mayEnd);
  } catch (error) {
    throw mayEnd ? withRestartHint(error, script.what) : error;
  }
}

/** Runs a script, and passes on its output. The last lines are also in `tail`. */
function runWithOutput(context: ActionContext, script: ActionScript, tail: Tail) {
  return context.guest.run({
    content: script.content,
    interpreter: script.interpreter,
    arguments: script.arguments ?? [],
    cwd: script.cwd,
    user: script.user,
    environment: context.environment,
    timeoutMs: context.timeoutMs,
    onLine: (line, stream) => {
      tail.push(line);
      context.onLine(line, stream);
    },
    onState: context.onState ?? ignoreState,
  });
}

/** Leaves out the states of a line, of which the last one is a line of the output. */
const ignoreState = (): void => {};

function failureOf(context: ActionContext, script: ActionScript, end: ScriptEnd, tail: Tail) {
  const accepted = script.exitCodes;
  return commandError(script.what, { ...end, accepted }, context.timeoutMs, tail.lines);
}

async function runToEnd(
  context: ActionContext,
  script: ActionScript,
  mayEnd: boolean,
): Promise<void> {
  const tail = new Tail();
  const end = await runWithOutput(context, script, tail);
  if (!end.timedOut && (mayEnd || SHUTDOWN_SIGNALS.has(end.signal))) {
    const ending = await pendingShutdownOf(context);
    if (ending) throw guestShutdownError(script.what, ending, tail.lines);
  }
  if (!isAccepted(end.exitCode, script)) throw failureOf(context, script, end, tail);
}

const isLost = (error: unknown): boolean =>
  error instanceof VmbuildError && error.code === "GUEST_LOST";

/** Resolves to undefined where the guest was lost, as it is when it restarts. */
function unlessLost<T>(work: Promise<T>): Promise<T | undefined> {
  return work.catch((error: unknown) => {
    if (isLost(error)) return undefined;
    throw error;
  });
}

/**
 * Runs a script that restarts the guest, and waits for the new boot. A script that fails without
 * restarting the guest fails at once.
 * @param isOptional the script may also leave the guest running.
 */
async function runUntilReboot(
  context: ActionContext,
  script: ActionScript,
  isOptional: boolean,
): Promise<void> {
  const { guest, timeoutMs } = context;
  const tail = new Tail();
  const restarted = await guest.expectRestart();
  const started = performance.now();
  const end = await unlessLost(runWithOutput(context, script, tail));
  if (end?.timedOut) throw failureOf(context, script, end, tail);
  const hasFailed = end !== undefined && !isAccepted(end.exitCode, script);
  if (end && ((hasFailed && !SHUTDOWN_SIGNALS.has(end.signal)) || isOptional)) {
    const state = await unlessLost(guest.systemState());
    if (state && !state.pendingShutdown) {
      if (hasFailed) throw failureOf(context, script, end, tail);
      if (isOptional) return;
    }
  }
  try {
    await restarted(Math.max(1, timeoutMs - (performance.now() - started)));
  } catch (thrown) {
    context.signal.throwIfAborted();
    const error = asVmbuildError(thrown);
    // The connection was lost for another reason, and the same boot answers again.
    if (isOptional && error.code === "STEP_FAILED") return;
    throw new VmbuildError(error.code, `${script.what}: ${error.message}`, {
      cause: error,
      lines: error.lines.length > 0 ? error.lines : tail.lines,
      hint: error.hint,
      details: error.details,
    });
  }
}
