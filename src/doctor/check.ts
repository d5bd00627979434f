/** Defines the result of checking one prerequisite. */

/** Prerequisite of this host. */
export interface Check {
  readonly name: string;
  /** `fail`: the job cannot run. `warn`: something else cannot run, or is slower. */
  readonly status: "ok" | "warn" | "fail";
  /** What was found: a version, a size, a path, or a problem. */
  readonly found: string;
  /** Consequence of the problem. */
  readonly cost?: string;
  /** Fix for the problem; usually one shell command. */
  readonly fix?: string;
}

/** Creates the result of a successful check. */
export function ok(name: string, found: string): Check {
  return { name, status: "ok", found };
}

/** Creates the result of an unsuccessful check; `required` makes it a failure. */
export function unmet(
  name: string,
  required: boolean,
  { found, cost, fix }: { found: string; cost: string; fix: string },
): Check {
  return { name, status: required ? "fail" : "warn", found, cost, fix };
}
