/** Runs the steps of a template, or their checks only, on an existing machine. */
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { ProvisionResult } from "../events/result.js";
import type { Guest } from "../guest/guest.js";
import type { CommonContext } from "../run/context.js";
import { openStepLog, stepLocation } from "../run/step-log.js";
import { stepRecord } from "../run/steps.js";
import type { Step } from "../steps/schema.js";
import { checkStep, runStep } from "../steps/step.js";
import type { StepEnd } from "../steps/step.js";
import type { Template } from "../template/load.js";

/** Step of a template with its number, from 1. */
export interface NumberedStep {
  readonly step: Step;
  readonly index: number;
}

/**
 * Returns the steps with these names, in the template's order; all steps unless given.
 * @throws {VmbuildError} USAGE for a name that the template does not have.
 */
export function selectSteps(
  { name, steps }: Pick<Template, "name" | "steps">,
  wanted: readonly string[] | undefined,
): NumberedStep[] {
  const names = steps.map((step) => step.name);
  const unknown = wanted?.find((one) => !names.includes(one));
  if (unknown !== undefined) {
    throw new VmbuildError("USAGE", `--steps ${unknown}: ${name} has no such step`, {
      hint: names.length > 0 ? `Its steps are ${names.join(", ")}.` : "It has no steps.",
    });
  }
  return steps
    .map((step, position) => ({ step, index: position + 1 }))
    .filter(({ step }) => wanted === undefined || wanted.includes(step.name));
}

/** Inputs of {@link runSteps}. */
export interface StepsInput {
  readonly context: CommonContext;
  readonly guest: Guest;
  readonly steps: readonly NumberedStep[];
  /** Run the checks only. */
  readonly verifyOnly: boolean;
  /** Skip the actions of steps whose checks all succeed before. */
  readonly skipSatisfied: boolean;
}

async function runOne(input: StepsInput, { step, index }: NumberedStep): Promise<StepEnd> {
  const { context, guest, verifyOnly, skipSatisfied } = input;
  const { emit, options, workspace } = context;
  const log = openStepLog(context, index, step.name);
  const location = stepLocation(context, index);
  const work = verifyOnly ? checkStep : runStep;
  const { signal } = options;
  try {
    return await context.wait(() =>
      work(step, { guest, emit, signal, log, skipSatisfied, ...location }),
    );
  } catch (error) {
    await workspace.update({ failedStep: step.name });
    throw error;
  } finally {
    log.close();
  }
}

/** Returns the error for checks that failed in several steps; the only error where it is one. */
function combined(failures: readonly VmbuildError[], count: number): VmbuildError | undefined {
  const [first, second] = failures;
  if (!first || !second) return first;
  const message = `The checks of ${failures.length} of ${count} steps failed`;
  const lines = failures.flatMap((error) => [
    error.message,
    ...error.lines.map((line) => `  ${line}`),
  ]);
  return new VmbuildError("VERIFY_FAILED", message, { lines });
}

/**
 * Runs the steps in order. The first failure ends them; with `verifyOnly`, the checks of all steps
 * run.
 * @throws {VmbuildError} STEP_FAILED, STEP_TIMEOUT, VERIFY_FAILED, GUEST_LOST.
 */
export async function runSteps(input: StepsInput): Promise<ProvisionResult["steps"]> {
  const records: ProvisionResult["steps"][number][] = [];
  const failures: VmbuildError[] = [];
  for (const numbered of input.steps) {
    try {
      const { name, durationMs, skipped } = stepRecord(
        numbered.step,
        await runOne(input, numbered),
      );
      records.push({ name, durationMs, ...(skipped === undefined ? {} : { skipped }) });
    } catch (thrown) {
      const error = asVmbuildError(thrown);
      if (!input.verifyOnly || error.code !== "VERIFY_FAILED") throw thrown;
      failures.push(error);
    }
  }
  const error = combined(failures, input.steps.length);
  if (error) throw error;
  return records;
}
