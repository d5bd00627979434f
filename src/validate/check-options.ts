/** Options of the checks. */

/** What a check needs to know of other templates. */
export interface CheckOptions {
  readonly signal: AbortSignal;
  /** The path of another template's finished artifact; throws when there is no such template. */
  readonly findArtifact: (appliance: string) => Promise<{ path: string } | undefined>;
}
