/** What a look at one prerequisite found. */

/** One prerequisite of this host. */
export interface Check {
  readonly name: string;
  /** `fail`: the job cannot run. `warn`: something else cannot, or goes slower. */
  readonly status: "ok" | "warn" | "fail";
  /** What is there: a version, a size, a path, or what is wrong. */
  readonly found: string;
  /** What lacking it costs. */
  readonly cost?: string;
  /** Fix for it; mostly one line for a shell. */
  readonly fix?: string;
}

/** A check that went well. */
export function ok(name: string, found: string): Check {
  return { name, status: "ok", found };
}

/** A check that did not; `required` makes it a failure. */
export function unmet(
  name: string,
  required: boolean,
  { found, cost, fix }: { found: string; cost: string; fix: string },
): Check {
  return { name, status: required ? "fail" : "warn", found, cost, fix };
}
