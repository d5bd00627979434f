/** Converts system errors of this room to VmbuildErrors. */
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { isDiskFull } from "../host/faults.js";

const FOLDER_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "You are not permitted to write to the output folder",
  EPERM: "You are not permitted to write to the output folder",
  EROFS: "The file system is mounted read-only that holds the output folder",
  ENOTDIR: "A file stands where a parent would be of the output folder",
  ELOOP: "Symbolic links lead in a circle on the way to the output folder",
  ENAMETOOLONG: "A file name is too long for the file system of the output folder",
  EINVAL: "A file name has characters that are refused by the file system of the output folder",
};

/**
 * Converts a system error to the error for an output folder that cannot be used: OUTPUT_UNWRITABLE,
 * or ARTIFACT_SPACE for a full disk and an exhausted quota.
 */
export function folderError(folder: string, error: unknown): VmbuildError {
  if (error instanceof VmbuildError) return error;
  const code = systemCode(error) ?? "";
  if (isDiskFull(code)) {
    const message = `The disk that holds the output folder ${folder} is full`;
    return new VmbuildError("ARTIFACT_SPACE", message, { cause: error, details: { folder } });
  }
  const known = FOLDER_PROBLEMS[code];
  const what = known ? `${known} ${folder}` : `The output folder ${folder} cannot be written`;
  return new VmbuildError("OUTPUT_UNWRITABLE", `${what}: ${messageOf(error)}`, {
    cause: error,
    details: { folder },
  });
}

/**
 * Returns a VmbuildError unchanged. Converts other errors: ARTIFACT_SPACE for a full disk or an
 * exhausted quota, `code` for the rest.
 */
export function artifactError(code: ErrorCode, doing: string, error: unknown): VmbuildError {
  if (error instanceof VmbuildError) return error;
  const full = isDiskFull(systemCode(error));
  return new VmbuildError(full ? "ARTIFACT_SPACE" : code, `${doing}: ${messageOf(error)}`, {
    cause: error,
  });
}
