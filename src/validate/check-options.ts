/** Defines the options of the checks. */
import type { ApplianceImage } from "../base/kind.js";

/** Access to other templates for the checks. */
export interface CheckOptions {
  readonly signal: AbortSignal;
  /**
   * Finds another template's finished artifact; undefined where it is not built yet. Throws when
   * there is no such template.
   */
  readonly findArtifact: (appliance: string) => Promise<ApplianceImage | undefined>;
}
