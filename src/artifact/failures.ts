/** Turns a system error of this room into one of the family. */
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import type { ErrorCode } from "../errors.js";

/**
 * The error itself where it is one of the family; otherwise ARTIFACT_SPACE for a full disk or a
 * used-up quota, and `code` for the rest.
 */
export function artifactError(code: ErrorCode, doing: string, error: unknown): VmbuildError {
  if (error instanceof VmbuildError) return error;
  const full = ["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "");
  return new VmbuildError(full ? "ARTIFACT_SPACE" : code, `${doing}: ${messageOf(error)}`, {
    cause: error,
  });
}
