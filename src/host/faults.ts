/** Errors of the host's file systems in words. Imports no errors of vmbuild's own, which use it. */
import { isHomeless, variablesFor } from "./folders.js";

/** What the kernel says of any file, vmbuild's own or not. */
const EVERYWHERE: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "the operation is not permitted",
  EROFS: "the file system is read-only",
  ELOOP: "the path contains a loop of symbolic links",
  EIO: "the disk reports an error",
  ESTALE: "stale network file handle",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open on this host",
};

/** What it says of a folder of vmbuild's own that somebody set up wrongly or removed. */
const IN_OWN_FOLDERS: Readonly<Record<string, string>> = {
  ...EVERYWHERE,
  ENOENT: "it does not exist",
  ENOTDIR: "a component of the path is not a folder",
  EEXIST: "a file of another kind exists at the path",
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
  const homeless = variables.some(isHomeless) ? "This user has no home folder (HOME). " : "";
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
  const words = (variables.length > 0 ? IN_OWN_FOLDERS : EVERYWHERE)[code];
  if (words === undefined) return undefined;
  const message = `${path} cannot be used: ${words} (${call})`;
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
