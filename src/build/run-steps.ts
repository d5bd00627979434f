/** The template's steps, one after the other, with the pauses that a user asked for. */
import { join } from "node:path";
import { messageOf } from "../errors.js";
import type { Guest } from "../guest/guest.js";
import { createLineFile } from "../host/line-file.js";
import { runStep } from "../steps/step.js";
import type { Step } from "../template/schema.js";
import type { RunContext } from "./context.js";
import type { Breakpoint } from "./pause.js";

/** A step that ended well. Milliseconds. */
export interface StepRecord {
  readonly name: string;
  readonly durationMs: number;
}

/** The file that a step's output goes to: `steps/03-directories.log`. */
function stepLogName(index: number, name: string): string {
  return `${String(index).padStart(2, "0")}-${name}.log`;
}

/** Whether the run is to stop here. */
function isBreak(context: RunContext, when: Breakpoint["when"], step: Step): boolean {
  const { breakpoints = [], pauseAfterEachStep = false } = context.options;
  if (when === "after" && pauseAfterEachStep) return true;
  return breakpoints.some((point) => point.when === when && point.step === step.name);
}

/**
 * Runs all steps.
 * @param stop pauses the run until it is released.
 * @param signal aborts when the run is cancelled or the machine dies.
 * @throws {VmbuildError} STEP_FAILED, STEP_TIMEOUT, VERIFY_FAILED, GUEST_LOST, MACHINE_DIED.
 */
export async function runSteps(
  context: RunContext,
  guest: Guest,
  signal: AbortSignal,
  stop: (reason: string) => Promise<void>,
): Promise<StepRecord[]> {
  const { template, workspace, emit, meter, options } = context;
  const total = template.steps.length;
  const records: StepRecord[] = [];
  for (const [position, step] of template.steps.entries()) {
    const index = position + 1;
    if (isBreak(context, "before", step))
      await meter.waitFor(() => stop(`before step ${step.name}`));
    const path = join(workspace.run.steps, stepLogName(index, step.name));
    const log = createLineFile(
      path,
      (line) => options.secrets.mask(line),
      (error) =>
        emit({ type: "warning", message: `The log ${path} ends here: ${messageOf(error)}` }),
    );
    try {
      const place = {
        index,
        total,
        templateFolder: template.folder,
        outputFolder: workspace.run.outputs,
      };
      const ended = await meter.waitFor(() =>
        runStep(step, { guest, emit, signal, log, ...place }),
      );
      records.push({ name: step.name, durationMs: ended.durationMs });
    } catch (error) {
      await workspace.update({ failedStep: step.name });
      throw error;
    } finally {
      log.close();
    }
    if (isBreak(context, "after", step)) await meter.waitFor(() => stop(`after step ${step.name}`));
  }
  return records;
}
