/** Converts errors of stores to VmbuildErrors. */
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { isDiskFull } from "../host/faults.js";

const PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "the operation is not permitted",
  EROFS: "the file system is read-only",
  ENOENT: "the folder does not exist",
  ENOTDIR: "a component of the path is a file",
  EISDIR: "a folder has that name",
};

/** Returns the error for a full disk at a target. */
export function fullDisk(address: string, cause?: unknown): VmbuildError {
  return new VmbuildError("ARTIFACT_SPACE", `The disk that holds ${address} is full`, {
    cause,
    hint: "Free some space there, or publish to another folder with --to.",
  });
}

/**
 * Returns a VmbuildError unchanged; converts other errors to ARTIFACT_SPACE for a full disk, and to
 * PUBLISH_FAILED.
 * @param doing what failed, such as `Cannot write /srv/demo.qcow2`.
 */
export function storeError(doing: string, address: string, error: unknown): VmbuildError {
  if (error instanceof VmbuildError) return error;
  const code = systemCode(error) ?? "";
  if (isDiskFull(code)) return fullDisk(address, error);
  const reason = PROBLEMS[code] ?? messageOf(error);
  return new VmbuildError("PUBLISH_FAILED", `${doing} ${address}: ${reason}`, { cause: error });
}
