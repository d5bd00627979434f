/** The template's steps, one after the other: kept ones are passed over, others run and are saved. */
import { join } from "node:path";
import { messageOf } from "../errors.js";
import type { Guest } from "../guest/guest.js";
import { createLineFile } from "../host/line-file.js";
import { runStep } from "../steps/step.js";
import type { Step } from "../steps/schema.js";
import { StateKeeper } from "./checkpoints/keeper.js";
import type { RunPlan } from "./checkpoints/plan.js";
import type { RunContext } from "./context.js";
import type { Breakpoint } from "./pause.js";
import type { Started } from "./started.js";

/** A step that ended well, now or in the run that its state is from. Milliseconds. */
export interface StepRecord {
  readonly name: string;
  readonly durationMs: number;
  /** Taken from a checkpoint. */
  readonly restored?: boolean;
}

/** What the steps left. */
export interface StepsEnd {
  readonly records: readonly StepRecord[];
  /** The key of the last state; undefined where it cannot be told what the guest was made from. */
  readonly key: string | undefined;
}

/** The file that a step's output goes to: `steps/03-directories.log`. */
export function stepLogName(index: number, name: string): string {
  return `${String(index).padStart(2, "0")}-${name}.log`;
}

/** Whether the run is to stop here. */
function isBreak(context: RunContext, when: Breakpoint["when"], step: Step): boolean {
  const { breakpoints = [], pauseAfterEachStep = false } = context.options;
  if (when === "after" && pauseAfterEachStep) return true;
  return breakpoints.some((point) => point.when === when && point.step === step.name);
}

async function runOne(
  context: RunContext,
  step: Step,
  index: number,
  guest: Guest,
  signal: AbortSignal,
  hostChanged: () => Promise<void>,
): Promise<number> {
  const { template, workspace, emit, meter, options } = context;
  const path = join(workspace.run.steps, stepLogName(index, step.name));
  const log = createLineFile(
    path,
    (line) => options.secrets.mask(line),
    (error) => emit({ type: "warning", message: `The log ${path} ends here: ${messageOf(error)}` }),
  );
  const place = {
    index,
    total: template.steps.length,
    templateFolder: template.folder,
    outputFolder: workspace.run.outputs,
  };
  try {
    const ended = await meter.waitFor(() =>
      runStep(step, { guest, emit, signal, log, hostChanged, ...place }),
    );
    return ended.durationMs;
  } catch (error) {
    await workspace.update({ failedStep: step.name });
    throw error;
  } finally {
    log.close();
  }
}

/** What a kept step took when it ran. */
function keptRecord(context: RunContext, step: Step, index: number, started: Started): StepRecord {
  const { emit, template } = context;
  emit({ type: "step.kept", step: step.name, index, total: template.steps.length });
  const state = started.kept.find((kept) => kept.index === index);
  return { name: step.name, durationMs: state?.stepMs ?? 0, restored: true };
}

/**
 * Runs the steps that the machine's state does not hold yet, up to the last one that is asked for.
 * @param stop pauses the run until it is released.
 * @param signal aborts when the run is cancelled or the machine dies.
 * @throws {VmbuildError} STEP_FAILED, STEP_TIMEOUT, VERIFY_FAILED, GUEST_LOST, MACHINE_DIED.
 */
export async function runSteps(
  context: RunContext,
  plan: RunPlan,
  started: Started,
  guest: Guest,
  signal: AbortSignal,
  stop: (reason: string) => Promise<void>,
): Promise<StepsEnd> {
  const { template, meter, options } = context;
  const keeper = new StateKeeper(plan, started);
  const records: StepRecord[] = [];
  for (const [position, step] of template.steps.entries()) {
    const index = position + 1;
    if (index <= (started.from?.index ?? 0)) {
      records.push(keptRecord(context, step, index, started));
    } else {
      const pause = (when: Breakpoint["when"]) =>
        meter.waitFor(() => stop(`${when} step ${step.name}`));
      if (isBreak(context, "before", step)) await pause("before");
      const hostChanged = (): Promise<void> => keeper.before(context, step);
      await hostChanged();
      const durationMs = await runOne(context, step, index, guest, signal, hostChanged);
      records.push({ name: step.name, durationMs });
      await meter.waitFor(() => keeper.after(context, step, index, durationMs, guest));
      if (isBreak(context, "after", step)) await pause("after");
    }
    if (step.name === options.until) break;
  }
  return { records, key: keeper.key };
}
