/** Defines the options of the checks. */

/** Access to other templates for the checks. */
export interface CheckOptions {
  readonly signal: AbortSignal;
  /**
   * Returns the path of another template's finished artifact. Throws when there is no such
   * template.
   */
  readonly findArtifact: (appliance: string) => Promise<{ path: string } | undefined>;
}
