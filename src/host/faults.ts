/**
 * Describes errors of the host's file systems. Must not import vmbuild's error classes, which use
 * this file.
 */
import { hasNoHome, variablesFor } from "./folders.js";

/** Descriptions of system errors that apply to any file. */
const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "the operation is not permitted",
  EROFS: "the file system is read-only",
  ELOOP: "the path contains a loop of symbolic links",
  EIO: "the disk reports an error",
  ESTALE: "stale network file handle",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open on this host",
};

/**
 * Descriptions of system errors that apply to vmbuild's own folders, which a user may have set up
 * wrongly or removed.
 */
const OWN_FOLDER_PROBLEMS: Readonly<Record<string, string>> = {
  ...FILE_PROBLEMS,
  ENOENT: "it does not exist",
  ENOTDIR: "a component of the path is not a folder",
  EEXIST: "a file of another kind exists at the path",
  ENAMETOOLONG: "the path is too long",
};

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Returns whether a program's output says that a disk or a quota is full. */
export function reportsDiskFull(lines: readonly string[]): boolean {
  return lines.some((line) => /No space left|quota exceeded/i.test(line));
}

/** Returns whether the code of a system error means a full disk or an exhausted quota. */
export function isDiskFull(code: string | undefined): boolean {
  return code !== undefined && FULL.has(code);
}

/** Fault of the host: its error code and its message. */
export interface HostFault {
  readonly code: "HOST_FOLDER" | "HOST_SPACE";
  readonly message: string;
  readonly hint: string | undefined;
  /** Undefined where the system error does not name a path. */
  readonly path: string | undefined;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/**
 * Returns advice of the form `XDG_STATE_HOME=/another/folder moves it`, for each variable that
 * applies.
 */
function adviceFor(variables: readonly string[]): string | undefined {
  if (variables.length === 0) return undefined;
  const values = variables.map((name) => `${name}=/another/folder`).join(" and ");
  const homeless = variables.some(hasNoHome) ? "This user has no home folder (HOME). " : "";
  return `${homeless}Grant this user write permission, or use another folder: ${values}.`;
}

function describe(code: string, path: string | undefined, call: string): HostFault | undefined {
  const variables = path === undefined ? [] : variablesFor(path);
  if (isDiskFull(code)) {
    const why =
      code === "EDQUOT"
        ? "This user's quota is exhausted on the disk"
        : "No space is left on the disk";
    const where = path === undefined ? "" : ` that holds ${path}`;
    const moved = variables.map((name) => `${name}=/another/folder`).join(" and ");
    const hint = moved === "" ? undefined : `Run \`vmbuild prune\`, or use another disk: ${moved}.`;
    return { code: "HOST_SPACE", message: `${why}${where}`, hint, path };
  }
  if (path === undefined) return undefined;
  const problem = (variables.length > 0 ? OWN_FOLDER_PROBLEMS : FILE_PROBLEMS)[code];
  if (problem === undefined) return undefined;
  const message = `${path} cannot be used: ${problem} (${call})`;
  return { code: "HOST_FOLDER", message, hint: adviceFor(variables), path };
}

/**
 * Converts an error of Node's file system calls to a fault of the host; undefined for other errors.
 */
export function hostFaultOf(error: unknown): HostFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const fields = error as { code?: unknown; syscall?: unknown; path?: unknown };
  const code = textOf(fields.code);
  const call = textOf(fields.syscall);
  if (code === undefined || call === undefined) return undefined;
  if (call === "uv_cwd") {
    const message = "The current folder no longer exists";
    return {
      code: "HOST_FOLDER",
      message,
      hint: "Change to another folder: cd ~",
      path: undefined,
    };
  }
  return describe(code, textOf(fields.path), call);
}
