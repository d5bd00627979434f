/** Runs a script in the guest on behalf of an action, and turns a bad end into an error. */
import { VmbuildError } from "../errors.js";
import { formatDuration } from "../host/format.js";
import { Tail } from "../host/lines.js";
import type { ActionContext } from "./action.js";

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
    const message = `${what} did not end within ${formatDuration(timeoutMs)}`;
    return new VmbuildError("STEP_TIMEOUT", message, { lines: lastLines, details });
  }
  const how = end.signal ? `was ended by SIG${end.signal}` : `ended with exit code ${end.exitCode}`;
  return new VmbuildError("STEP_FAILED", `${what} ${how}`, { lines: lastLines, details });
}

/**
 * Runs it with the step's environment and deadline, its lines going to the step's log.
 * @throws {VmbuildError} STEP_FAILED or STEP_TIMEOUT with the last lines.
 */
export async function runInGuest(context: ActionContext, script: ActionScript): Promise<void> {
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
  if (end.exitCode !== 0) throw commandError(script.what, end, context.timeoutMs, tail.lines);
}
