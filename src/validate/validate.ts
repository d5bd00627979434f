/** Runs all checks of a template that need no machine. */
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Template } from "../template/load.js";
import { checkAcceptance } from "./acceptance.js";
import { checkBase } from "./base.js";
import type { CheckOptions } from "./check-options.js";
import { Collector } from "./findings.js";
import type { Findings } from "./findings.js";
import { checkDevices } from "./devices.js";
import { checkHostCommands } from "./host-commands.js";
import { checkInputs } from "./inputs.js";
import { checkOutput } from "./output.js";
import { checkSeed } from "./seed.js";
import { displayPath } from "./files.js";
import { checkLogin } from "./login.js";
import { checkSources, checkSteps } from "./steps.js";

export type { Findings } from "./findings.js";

/**
 * Checks what a loaded template refers to: files, scripts, shell texts, user-data, sizes.
 * @throws only the signal's reason; problems of the template are in the findings.
 */
export async function checkTemplate(template: Template, options: CheckOptions): Promise<Findings> {
  const collector = new Collector(template, options.signal);
  await checkBase(collector, options.findArtifact);
  await checkInputs(collector);
  await checkDevices(collector);
  await checkLogin(collector);
  await checkSeed(collector);
  await checkSteps(collector);
  await checkAcceptance(collector);
  await checkHostCommands(collector, "post");
  await checkHostCommands(collector, "after");
  await checkOutput(collector);
  options.signal.throwIfAborted();
  return collector;
}

/** Returns the error that lists a template's problems; undefined where there are none. */
export function invalidError(
  template: Template,
  problems: readonly string[],
): VmbuildError | undefined {
  if (problems.length === 0) return undefined;
  const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
  return new VmbuildError("TEMPLATE_INVALID", `${displayPath(template.path)} has ${count}`, {
    lines: problems,
    hint: "Correct each listed problem.",
  });
}

/**
 * Requires that the host's files that a run's steps read exist, before a machine starts.
 * @param steps the indexes of the first step that runs, from 0, and of the one after the last.
 * @throws {VmbuildError} TEMPLATE_INVALID, with a line for each missing file.
 */
export async function requireSources(
  template: Template,
  steps: { readonly from: number; readonly to: number },
  signal: AbortSignal,
): Promise<void> {
  const collector = new Collector(template, signal);
  await checkSources(collector, steps.from, steps.to);
  const error = invalidError(template, collector.problems);
  if (error) throw error;
}

/**
 * Reports in a run how the build changes the effect of the template's seed files, before a machine
 * starts.
 * @throws {VmbuildError} TEMPLATE_INVALID for user-data with which no build can succeed.
 */
export async function reportSeed(
  template: Template,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const collector = new Collector(template, signal);
  await checkSeed(collector);
  const error = invalidError(template, collector.problems);
  if (error) throw error;
  for (const message of collector.warnings) emit({ type: "warning", message });
  for (const message of collector.notes) emit({ type: "note", message });
}
