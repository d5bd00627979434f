/** Everything about a template that can be known without a machine. */
import type { Template } from "../../template/load.js";
import { checkAcceptance } from "./acceptance.js";
import { checkBase } from "./base.js";
import { Collector } from "./findings.js";
import type { Findings } from "./findings.js";
import { checkInputs } from "./inputs.js";
import { checkSeed } from "./seed.js";
import { checkSteps } from "./steps.js";

export type { Findings } from "./findings.js";

/** What a check needs to know of other templates. */
export interface CheckOptions {
  readonly signal: AbortSignal;
  /** The path of another template's finished artifact; throws when there is no such template. */
  readonly findArtifact: (appliance: string) => Promise<{ path: string } | undefined>;
}

/**
 * Checks what a loaded template refers to: files, scripts, shell texts, user-data, sizes.
 * @throws only the signal's reason: what is wrong with the template is in the findings.
 */
export async function checkTemplate(template: Template, options: CheckOptions): Promise<Findings> {
  const collector = new Collector(template, options.signal);
  await checkBase(collector, options.findArtifact);
  await checkInputs(collector);
  await checkSeed(collector);
  await checkSteps(collector);
  await checkAcceptance(collector);
  options.signal.throwIfAborted();
  return collector;
}
