/** What came of a check: it holds, or why not. */

/** A check that does not hold, or that could not be made, which is the same. */
export interface Failure {
  readonly ok: false;
  /** One line. */
  readonly reason: string;
  /** What a program or a server said; plain text. */
  readonly lines: readonly string[];
  /** Trying again cannot change it. */
  readonly isFinal: boolean;
}

/** One attempt's end. */
export type Outcome = { readonly ok: true; readonly detail?: string } | Failure;

/** A failure. */
export function failed(reason: string, lines: readonly string[] = [], isFinal = false): Failure {
  return { ok: false, reason, lines, isFinal };
}

/** A failure that trying again cannot change. */
export function permanentFailure(reason: string, lines: readonly string[] = []): Failure {
  return failed(reason, lines, true);
}

/** It holds. */
export function passed(detail?: string): Outcome {
  return detail === undefined ? { ok: true } : { ok: true, detail };
}
