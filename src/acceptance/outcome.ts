/** Defines the outcome of a check: passed or failed. */

/** Failed check, including one that could not be run. */
export interface Failure {
  readonly ok: false;
  /** Reason in one line. */
  readonly reason: string;
  /** Output of a program or a server, as plain text. */
  readonly lines: readonly string[];
  /** True when another attempt cannot succeed. */
  readonly isFinal: boolean;
}

/** Outcome of one attempt. */
export type Outcome = { readonly ok: true; readonly detail?: string } | Failure;

/** Creates a failure. */
export function failed(reason: string, lines: readonly string[] = [], isFinal = false): Failure {
  return { ok: false, reason, lines, isFinal };
}

/** Creates a failure that another attempt cannot change. */
export function permanentFailure(reason: string, lines: readonly string[] = []): Failure {
  return failed(reason, lines, true);
}

/** Creates a success. */
export function passed(detail?: string): Outcome {
  return detail === undefined ? { ok: true } : { ok: true, detail };
}
