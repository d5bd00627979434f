/** Errors of vmbuild: one class, and the way from anything that was thrown to it. */
import { ERRORS } from "./error-codes.js";
import type { ErrorCode } from "./error-codes.js";
import { hostFaultOf } from "./host/faults.js";

export { ERRORS } from "./error-codes.js";
export type { ErrorCode } from "./error-codes.js";
export { EXIT_CODES } from "./exit-codes.js";

/** What an error carries beside its message. */
export interface ErrorOptions {
  /** What to do next, where that is better known than the code's general remedy. */
  readonly hint?: string | undefined;
  /** The first cause; later ones are consequences. */
  readonly cause?: unknown;
  /**
   * Lines to show under the message: a program's last words, a list of places.
   * Plain text without colour.
   */
  readonly lines?: readonly string[] | undefined;
  /** Machine-readable facts for `--json` and NDJSON. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** The one error that vmbuild throws on purpose. Anything else that escapes is a DEFECT. */
export class VmbuildError extends Error {
  override readonly name = "VmbuildError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly lines: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].remedy;
    this.lines = options.lines ?? [];
    this.details = options.details ?? {};
  }

  /** The process exit code that belongs to this error. */
  get exitCode(): number {
    return ERRORS[this.code].exit;
  }
}

/** The error's own words, whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node system error (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * The first of two errors where a scope's clean-up failed after its work had: what was thrown
 * then is a SuppressedError (ECMAScript explicit resource management).
 */
function firstOf(error: unknown): unknown {
  const isPair = error instanceof Error && error.name === "SuppressedError";
  return isPair && "suppressed" in error ? firstOf(error.suppressed) : error;
}

/**
 * Turns whatever was thrown into the family: itself; HOST_FOLDER or HOST_SPACE for a folder of the
 * host that cannot be used; else a DEFECT. The original is kept as the cause.
 */
export function asVmbuildError(thrown: unknown): VmbuildError {
  const error = firstOf(thrown);
  if (error instanceof VmbuildError) return error;
  const fault = hostFaultOf(error);
  if (fault) {
    const { code, message, hint, path } = fault;
    return new VmbuildError(code, message, { cause: error, hint, details: { path } });
  }
  return new VmbuildError("DEFECT", messageOf(error), { cause: error });
}
