/**
 * Determines the rights with which a root file system can be created on this host, and runs
 * programs with them.
 */
import { VmbuildError } from "../../errors.js";
import type { RunOptions, RunResult } from "../../host/programs.js";
import { runProgram } from "../../host/programs.js";

/** Mode of mmdebstrap that this host supports; see {@link findRights}. */
export interface Rights {
  readonly mode: "unshare" | "root";
  /**
   * True when files of the tree belong to other users than the caller, who then cannot remove them
   * directly.
   */
  readonly mapped: boolean;
}

/**
 * Finds the mode that this host supports. `unshare` makes all mounts in a namespace that ends with
 * mmdebstrap; a normal user also gets a user namespace, through newuidmap and /etc/subuid. Root in
 * a container that forbids mount namespaces uses `root`.
 * @throws {VmbuildError} HOST_UNSUPPORTED for a normal user without user namespaces.
 */
export async function findRights(signal: AbortSignal): Promise<Rights> {
  if (process.getuid?.() === 0) {
    const args = ["--mount", "--propagation", "unchanged", "--", "true"];
    const tried = await runProgram("unshare", args, { signal });
    return { mode: tried.exitCode === 0 ? "unshare" : "root", mapped: false };
  }
  const tried = await runProgram("mmdebstrap", ["--unshare-helper", "true"], { signal });
  if (tried.exitCode === 0) return { mode: "unshare", mapped: true };
  throw new VmbuildError(
    "HOST_UNSUPPORTED",
    "This user cannot create a base from packages on this host",
    {
      lines: tried.lastLines,
      hint:
        "User namespaces are required: apt-get install uidmap, one line for the user in each of " +
        "/etc/subuid and /etc/subgid, and a kernel that allows them " +
        "(sysctl kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns)." +
        " Root does not need them.",
    },
  );
}

/** Runs a program as the owner of the tree's files. */
export function runAsOwner(
  rights: Rights,
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  return rights.mapped
    ? runProgram("mmdebstrap", ["--unshare-helper", file, ...args], options)
    : runProgram(file, args, options);
}
