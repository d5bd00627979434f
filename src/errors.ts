/** Defines VmbuildError, and converts anything that was thrown to it. */
import { ERRORS } from "./error-codes.js";
import type { ErrorCode } from "./error-codes.js";
import { hostFaultOf } from "./host/faults.js";

export { ERRORS } from "./error-codes.js";
export type { ErrorCode } from "./error-codes.js";
export { EXIT_CODES } from "./exit-codes.js";

/** Fields of an error besides its message. */
export interface ErrorOptions {
  /** Advice that is more specific than the code's general remedy. */
  readonly hint?: string | undefined;
  /** Root cause of the error. */
  readonly cause?: unknown;
  /**
   * Lines to show under the message: a program's last output, or a list of places.
   * Plain text without color.
   */
  readonly lines?: readonly string[] | undefined;
  /** Machine-readable facts for `--json` and NDJSON. */
  readonly details?: Readonly<Record<string, unknown>> | undefined;
}

/** Error that vmbuild throws on purpose. Any other error that is not caught is a DEFECT. */
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

  /** Exit code of the process for this error. */
  get exitCode(): number {
    return ERRORS[this.code].exit;
  }
}

/** Returns the message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Returns the `code` of a Node system error (`ENOENT`, `ENOSPC`, …), or undefined. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * Returns the first error where both the work and the clean-up of a scope failed, which throws a
 * SuppressedError (ECMAScript explicit resource management).
 */
function firstOf(error: unknown): unknown {
  const isPair = error instanceof Error && error.name === "SuppressedError";
  return isPair && "suppressed" in error ? firstOf(error.suppressed) : error;
}

/**
 * Converts anything that was thrown to a VmbuildError: unchanged if it is one; HOST_FOLDER or
 * HOST_SPACE for a folder of the host that cannot be used; otherwise a DEFECT. The original error
 * becomes the cause.
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
