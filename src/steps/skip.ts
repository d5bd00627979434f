/** Determines before a step whether its actions are needed. */
import { VmbuildError } from "../errors.js";
import type { SkipReason } from "../events/types.js";
import { Tail } from "../host/lines.js";
import { commandError } from "./run-in-guest.js";
import type { Step } from "./schema.js";
import type { StepContext } from "./step-context.js";
import { verifyStep } from "./verify.js";

/** Time limit of the command, which should do no work. Milliseconds. */
const DEADLINE_MS = 120_000;

/**
 * Runs the step's `skipIf` command, and returns whether it succeeded.
 * @throws {VmbuildError} STEP_TIMEOUT; GUEST_LOST; GUEST_SHELL.
 */
async function skipIfSucceeds(command: string, step: Step, context: StepContext): Promise<boolean> {
  const { guest, emit, log } = context;
  const timeoutMs = Math.min(step.timeout, DEADLINE_MS);
  const tail = new Tail();
  log.write(`# skipIf: ${command}`);
  const end = await guest.run({
    content: `${command}\n`,
    interpreter: ["/bin/sh"],
    environment: step.environment,
    timeoutMs,
    onLine(line, stream) {
      tail.push(line);
      log.write(line);
      emit({ type: "output", source: "skipIf", stream, line, step: step.name });
    },
  });
  if (end.timedOut) {
    const error = commandError(`skipIf: ${command}`, end, timeoutMs, tail.lines);
    throw new VmbuildError(error.code, `Step "${step.name}", ${error.message}`, {
      lines: error.lines,
      hint: "Use a command that only asks for a state. Its time limit is two minutes.",
      details: { ...error.details, step: step.name, log: log.path },
    });
  }
  return end.exitCode === 0;
}

/** Runs the step's checks without events, and returns whether all of them succeeded. */
async function checksSucceed(step: Step, context: StepContext): Promise<boolean> {
  context.log.write("# checks before the actions, which are skipped if all of them succeed");
  try {
    await verifyStep(step, { ...context, emit: () => {} });
    return true;
  } catch (error) {
    if (error instanceof VmbuildError && error.code === "VERIFY_FAILED") return false;
    throw error;
  }
}

/**
 * Returns why the actions of a step are not needed; undefined where they are. After a `skipIf` that
 * succeeded, the checks must hold all the same.
 * @throws {VmbuildError} VERIFY_FAILED when they do not; STEP_TIMEOUT; GUEST_LOST; GUEST_SHELL.
 */
export async function findSkipReason(
  step: Step,
  context: StepContext,
): Promise<SkipReason | undefined> {
  context.signal.throwIfAborted();
  if (step.skipIf !== undefined && (await skipIfSucceeds(step.skipIf, step, context))) {
    await verifyStep(step, context);
    return "skipIf";
  }
  const skips = context.skipSatisfied === true && step.verify.length > 0;
  return skips && (await checksSucceed(step, context)) ? "verify" : undefined;
}
