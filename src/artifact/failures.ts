/** Converts system errors of this room to VmbuildErrors. */
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { isDiskFull } from "../host/faults.js";

const FOLDER_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "You do not have permission to write to the output folder",
  EPERM: "You do not have permission to write to the output folder",
  EROFS: "The file system that holds the output folder is read-only",
  ENOTDIR: "A parent of the output folder is a file",
  ELOOP: "The path of the output folder contains a loop of symbolic links",
  ENAMETOOLONG: "A file name is too long for the file system of the output folder",
  EINVAL: "A file name has characters that the file system of the output folder does not support",
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
  const what = known ? `${known} ${folder}` : `Cannot write to the output folder ${folder}`;
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
