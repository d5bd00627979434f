/** Runs one step: its actions in order, then its checks, with the retries of the template. */
import { VmbuildError, asVmbuildError, messageOf } from "../errors.js";
import type { SkipReason } from "../events/types.js";
import type { Guest } from "../guest/guest.js";
import type { Step } from "./schema.js";
import type { ActionContext } from "./action.js";
import { describeAction } from "./registry.js";
import type { ParsedAction } from "./registry.js";
import { findSkipReason } from "./skip.js";
import type { StepContext } from "./step-context.js";
import { verifyStep } from "./verify.js";

function actionContext(
  step: Step,
  action: ParsedAction,
  context: StepContext,
  onResult: (result: string) => void,
): ActionContext {
  return {
    ...context,
    otherDownloads: (context.steps ?? [])
      .flatMap(({ actions }) => actions)
      .filter((other) => other !== action)
      .flatMap(({ type, value }) => type.outputs(value as never)),
    step: step.name,
    environment: step.environment,
    timeoutMs: action.timeoutMs ?? step.timeout,
    onResult,
    onLine(line, stream, source = "guest") {
      context.log.write(line);
      context.emit({ type: "output", source, stream, line, step: step.name });
    },
    onState(line, stream, source = "guest") {
      context.emit({ type: "output.state", source, stream, line, step: step.name });
    },
  };
}

/** Adds the step, the action and the path of the log to an error. */
function withLocation(
  thrown: unknown,
  step: Step,
  where: string,
  context: StepContext,
): VmbuildError {
  const error = asVmbuildError(thrown);
  const message = `Step "${step.name}", ${where}: ${error.message}`;
  return new VmbuildError(error.code, message, {
    cause: error.cause ?? (thrown instanceof VmbuildError ? undefined : thrown),
    lines: error.lines,
    hint: error.hint,
    details: { ...error.details, step: step.name, log: context.log.path },
  });
}

/** Runs an action and returns its result in a few words, where it has one. */
async function runAction(
  step: Step,
  index: number,
  context: StepContext,
): Promise<string | undefined> {
  const action = step.actions[index];
  if (!action) return undefined;
  const { emit, signal } = context;
  const summary = describeAction(action);
  const event = { step: step.name, action: action.type.name, index: index + 1 };
  const started = performance.now();
  signal.throwIfAborted();
  emit({ type: "action.started", ...event, summary });
  context.log.write(`# action ${index + 1}, ${action.type.name}: ${summary}`);
  let detail: string | undefined;
  const onResult = (result: string): void => void (detail = result);
  try {
    const own = actionContext(step, action, context, onResult);
    await action.type.run(action.value as never, own);
  } catch (error) {
    // The first cause is reported: a cancelled run or a dead machine, not its effect on the action.
    signal.throwIfAborted();
    throw withLocation(error, step, `action ${index + 1} (${action.type.name})`, context);
  }
  if (action.type.runsOn === "host") await context.hostChanged?.();
  if (detail !== undefined) context.log.write(`# result: ${detail}`);
  const durationMs = performance.now() - started;
  emit({
    type: "action.finished",
    ...event,
    durationMs,
    ...(detail === undefined ? {} : { detail }),
  });
  return detail;
}

/**
 * Runs one action of a step that is otherwise restored, because no checkpoint contains its effect.
 * An action on the host needs no guest.
 * @param index the index of the action, from 0.
 * @throws {VmbuildError} as {@link runStep}.
 */
export async function rerunAction(
  step: Step,
  index: number,
  context: Omit<StepContext, "guest"> & { readonly guest: Guest | undefined },
): Promise<void> {
  await runAction(step, index, context as StepContext);
}

/** Runs the actions and checks once, and returns the results of the actions. */
async function runOnce(step: Step, context: StepContext): Promise<string | undefined> {
  const results: string[] = [];
  for (const index of step.actions.keys()) {
    const result = await runAction(step, index, context);
    if (result !== undefined) results.push(result);
  }
  await verifyStep(step, context);
  return results.length === 0 ? undefined : results.join("; ");
}

/** Runs the actions and checks until they succeed or no attempt is left; returns the results. */
async function runRepeatedly(step: Step, context: StepContext): Promise<string | undefined> {
  const { emit, log, signal } = context;
  for (let attempt = 1; ; attempt++) {
    try {
      return await runOnce(step, context);
    } catch (error) {
      if (attempt > step.retries || !isRetryable(error) || signal.aborted) throw error;
      const reason = messageOf(error);
      log.write(`# failed: ${reason}`);
      const next = { attempt: attempt + 1, of: step.retries + 1 };
      emit({ type: "step.retried", step: step.name, ...next, reason });
    }
  }
}

/** End of a step that succeeded. */
export interface StepEnd {
  /** Milliseconds. */
  readonly durationMs: number;
  /** Reason for which its actions were skipped; undefined where they ran. */
  readonly skipped?: SkipReason | undefined;
}

/**
 * Runs a step to its end. Its actions are skipped where they are not needed.
 * @throws {VmbuildError} STEP_FAILED, STEP_TIMEOUT or VERIFY_FAILED after the last attempt, with
 *   the step, action, command, exit code, last lines and log; GUEST_LOST and MACHINE_DIED at once.
 */
export async function runStep(step: Step, context: StepContext): Promise<StepEnd> {
  const { emit, index, total, log } = context;
  const place = { step: step.name, index, total };
  const started = performance.now();
  const passed = (): number => performance.now() - started;
  emit({ type: "step.started", ...place });
  try {
    const skipped = await findSkipReason(step, context);
    if (skipped !== undefined) {
      const durationMs = passed();
      log.write(`# skipped: ${skipped}`);
      emit({ type: "step.skipped", ...place, durationMs, reason: skipped });
      return { durationMs, skipped };
    }
    const detail = await runRepeatedly(step, context);
    const durationMs = passed();
    const more = detail === undefined ? {} : { detail };
    emit({ type: "step.finished", ...place, durationMs, ...more });
    return { durationMs };
  } catch (error) {
    log.write(`# failed: ${messageOf(error)}`);
    emit({ type: "step.failed", ...place, durationMs: passed() });
    throw error;
  }
}

/**
 * Runs the checks of a step without its actions.
 * @throws {VmbuildError} VERIFY_FAILED; GUEST_LOST; GUEST_SHELL.
 */
export async function checkStep(step: Step, context: StepContext): Promise<StepEnd> {
  const { emit, index, total, log } = context;
  const place = { step: step.name, index, total };
  const started = performance.now();
  emit({ type: "step.started", ...place });
  try {
    await verifyStep(step, context);
    const durationMs = performance.now() - started;
    const more = step.verify.length === 0 ? { detail: "no checks" } : {};
    emit({ type: "step.finished", ...place, durationMs, ...more });
    return { durationMs };
  } catch (error) {
    log.write(`# failed: ${messageOf(error)}`);
    emit({ type: "step.failed", ...place, durationMs: performance.now() - started });
    throw error;
  }
}

/**
 * Returns whether a step may be tried again. After a lost connection it may not, because its effect
 * is unknown.
 */
function isRetryable(error: unknown): boolean {
  return (
    error instanceof VmbuildError &&
    ["STEP_FAILED", "STEP_TIMEOUT", "VERIFY_FAILED"].includes(error.code)
  );
}
