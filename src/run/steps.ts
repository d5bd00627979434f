/** Runs the template's steps in order, except cached ones. */
import { requireCompanionNames } from "../artifact/companions.js";
import type { Checkpoint } from "../checkpoints/records.js";
import type { Guest } from "../guest/guest.js";
import { imageNames } from "../requirements/plan.js";
import type { SkipReason } from "../events/types.js";
import { runStep } from "../steps/step.js";
import type { StepEnd } from "../steps/step.js";
import type { Step } from "../steps/schema.js";
import { GuestChecker } from "./after-step.js";
import { CheckpointRecorder } from "./checkpoints/recorder.js";
import type { RunPlan } from "./checkpoints/plan.js";
import type { RunContext, ContextWith } from "./context.js";
import { hasExpired } from "./pause.js";
import type { Breakpoint } from "./pause.js";
import type { ReadyMachine } from "./lifecycle.js";
import { openStepLog, stepLocation } from "./step-log.js";

/** Step that succeeded, in this run or in the one that saved its checkpoint. Milliseconds. */
export interface StepRecord {
  readonly name: string;
  readonly durationMs: number;
  /** Restored from a checkpoint. */
  readonly restored?: boolean;
  /** Reason for which its actions were skipped. */
  readonly skipped?: SkipReason;
}

/** Results of the steps. */
export interface StepsResult {
  readonly records: readonly StepRecord[];
  /** Key after the last step; undefined where it is not certain. */
  readonly key: string | undefined;
}

/** Returns whether the run pauses before or after a step. */
function isBreakpoint(
  context: ContextWith<"options">,
  when: Breakpoint["when"],
  step: Step,
): boolean {
  const { breakpoints = [], pauseAfterEachStep = false } = context.options;
  if (when === "after" && pauseAfterEachStep) return true;
  return breakpoints.some((point) => point.when === when && point.step === step.name);
}

/** Step that is about to run. */
interface StepRun {
  readonly context: RunContext;
  readonly step: Step;
  /** Counted from 1. */
  readonly index: number;
  readonly guest: Guest;
  /** Aborts when the run is cancelled or the machine dies. */
  readonly signal: AbortSignal;
  /** Called before the step and after each of its local actions. */
  readonly hostChanged: () => Promise<void>;
}

async function runLoggedStep(stepRun: StepRun): Promise<StepEnd> {
  const { context, step, index, guest, signal, hostChanged } = stepRun;
  const { workspace, emit } = context;
  const log = openStepLog(context, index, step.name);
  const location = stepLocation(context, index);
  try {
    const ended = await context.wait(() =>
      runStep(step, { guest, emit, signal, log, hostChanged, ...location }),
    );
    await requireCompanionNames(workspace.run.outputs, imageNames(context.output), context.output);
    return ended;
  } catch (error) {
    await workspace.update({ failedStep: step.name });
    throw error;
  } finally {
    log.close();
  }
}

/** Checks the guest after a step. A step fails if the guest is about to shut down. */
async function checkGuestAfter(
  { workspace }: ContextWith<"workspace">,
  checker: GuestChecker,
  step: Step,
  guest: Guest,
): Promise<void> {
  try {
    await checker.checkAfter(step.name, guest);
  } catch (error) {
    await workspace.update({ failedStep: step.name });
    throw error;
  }
}

/** Reports a cached step and returns its record, with the duration of its original run. */
function cachedRecord(
  { emit, template }: ContextWith<"emit" | "template">,
  step: Step,
  index: number,
  restored: readonly Checkpoint[],
): StepRecord {
  emit({ type: "step.kept", step: step.name, index, total: template.steps.length });
  const checkpoint = restored.find((one) => one.index === index);
  return { name: step.name, durationMs: checkpoint?.stepMs ?? 0, restored: true };
}

/** Returns the record of a step that succeeded in this run. */
export function stepRecord({ name }: Step, { durationMs, skipped }: StepEnd): StepRecord {
  return { name, durationMs, ...(skipped === undefined ? {} : { skipped }) };
}

/** Inputs of {@link runSteps}. */
export interface StepsInput {
  readonly context: RunContext;
  readonly plan: RunPlan;
  readonly ready: ReadyMachine;
  /** Aborts when the run is cancelled or the machine dies. */
  readonly signal: AbortSignal;
  /** Pauses the run until it is released. */
  readonly pause: (reason: string) => Promise<void>;
}

/**
 * Runs the steps that the checkpoint does not cover, up to the one of `--until`.
 * @throws {VmbuildError} STEP_FAILED, STEP_TIMEOUT, VERIFY_FAILED, GUEST_LOST, MACHINE_DIED.
 */
export async function runSteps({
  context,
  plan,
  ready,
  signal,
  pause,
}: StepsInput): Promise<StepsResult> {
  const { template, options, workspace } = context;
  const { guest, from, restored } = ready;
  const recorder = new CheckpointRecorder(plan, ready);
  const checker = new GuestChecker(context.emit);
  const records: StepRecord[] = [];
  for (const [position, step] of template.steps.entries()) {
    const index = position + 1;
    if (index <= (from?.index ?? 0)) {
      records.push(cachedRecord(context, step, index, restored));
    } else {
      const pauseAt = async (when: Breakpoint["when"]): Promise<void> => {
        if (!isBreakpoint(context, when, step)) return;
        await context
          .wait(() => pause(`${when} step ${step.name}`))
          .catch(async (error: unknown) => {
            // The paused machine is kept in the state in which the user left it.
            if (hasExpired(options.signal)) await workspace.update({ failedStep: step.name });
            throw error;
          });
      };
      await pauseAt("before");
      const hostChanged = (): Promise<void> => recorder.beforeStep(context, step);
      await hostChanged();
      const end = await runLoggedStep({ context, step, index, guest, signal, hostChanged });
      records.push(stepRecord(step, end));
      await context.wait(() => checkGuestAfter(context, checker, step, guest));
      await context.wait(() =>
        recorder.afterStep(context, { step, index, stepMs: end.durationMs, guest }),
      );
      await pauseAt("after");
    }
    if (step.name === options.until) break;
  }
  return { records, key: recorder.key };
}
