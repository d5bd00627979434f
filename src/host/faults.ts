/** Errors of the host's file systems in words. Imports no errors of vmbuild's own, which use it. */
import { hasNoHome, variablesFor } from "./folders.js";

/** What the kernel says of any file, vmbuild's own or not. */
const FILE_PROBLEMS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "the operation is not permitted",
  EROFS: "the file system is read-only",
  ELOOP: "its symbolic links lead in a circle",
  EIO: "the disk reports an error",
  ESTALE: "the network file system has lost it",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open on this host",
};

/** What it says of a folder of vmbuild's own that somebody set up wrongly or removed. */
const OWN_FOLDER_PROBLEMS: Readonly<Record<string, string>> = {
  ...FILE_PROBLEMS,
  ENOENT: "it is not there",
  ENOTDIR: "a part of the path is not a folder",
  EEXIST: "something else is there",
  ENAMETOOLONG: "the path is too long",
};

const FULL = new Set(["ENOSPC", "EDQUOT"]);

/** Returns whether a system error's code means a full disk or a used-up quota. */
export function isDiskFull(code: string | undefined): boolean {
  return code !== undefined && FULL.has(code);
}

/** A fault of the host: its code, and its words. */
export interface HostFault {
  readonly code: "HOST_FOLDER" | "HOST_SPACE";
  readonly message: string;
  readonly hint: string | undefined;
  /** Undefined where the kernel did not say. */
  readonly path: string | undefined;
}

const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined;

/** `XDG_STATE_HOME=/another/folder moves it`, for each variable that does. */
function adviceFor(variables: readonly string[]): string | undefined {
  if (variables.length === 0) return undefined;
  const values = variables.map((name) => `${name}=/another/folder`).join(" and ");
  const homeless = variables.some(hasNoHome) ? "This user has no home folder (HOME). " : "";
  return `${homeless}Give this user the right to write there, or use another place: ${values}.`;
}

function describe(code: string, path: string | undefined, call: string): HostFault | undefined {
  const variables = path === undefined ? [] : variablesFor(path);
  if (isDiskFull(code)) {
    const why =
      code === "EDQUOT"
        ? "This user's quota is used up on the disk"
        : "No space is left on the disk";
    const where = path === undefined ? "" : ` that holds ${path}`;
    const moved = variables.map((name) => `${name}=/another/folder`).join(" and ");
    const hint =
      moved === "" ? undefined : `\`vmbuild prune\` frees caches; ${moved} uses another disk.`;
    return { code: "HOST_SPACE", message: `${why}${where}`, hint, path };
  }
  if (path === undefined) return undefined;
  const problem = (variables.length > 0 ? OWN_FOLDER_PROBLEMS : FILE_PROBLEMS)[code];
  if (problem === undefined) return undefined;
  const message = `${path} cannot be used: ${problem} (${call})`;
  return { code: "HOST_FOLDER", message, hint: adviceFor(variables), path };
}

/** The fault of the host that an error of Node's file system calls tells of; undefined for others. */
export function hostFaultOf(error: unknown): HostFault | undefined {
  if (!(error instanceof Error)) return undefined;
  const fields = error as { code?: unknown; syscall?: unknown; path?: unknown };
  const code = textOf(fields.code);
  const call = textOf(fields.syscall);
  if (code === undefined || call === undefined) return undefined;
  if (call === "uv_cwd") {
    const message = "The current folder does not exist any more";
    return {
      code: "HOST_FOLDER",
      message,
      hint: "Change to another folder: cd ~",
      path: undefined,
    };
  }
  return describe(code, textOf(fields.path), call);
}
