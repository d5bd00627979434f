/** Where things lie on this host (docs/architecture.md, "Files"). */
import { access, constants, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { statIfThere } from "./files.js";
import { cacheRoot, socketRoots, stateRoot } from "./folders.js";

/** The folders of one user. Made when first written to. */
export interface HostPaths {
  /** Downloads, by URL. */
  readonly inputs: string;
  /** Bases, by key. */
  readonly bases: string;
  /** One folder per build. */
  readonly builds: string;
  /** States of guests that are ready for their first step, by key. */
  readonly ready: string;
}

/** The folders under XDG_CACHE_HOME and XDG_STATE_HOME, read anew on each call. */
export function hostPaths(): HostPaths {
  const [cache, state] = [cacheRoot(), stateRoot()];
  return {
    inputs: join(cache, "inputs"),
    bases: join(cache, "bases"),
    builds: join(state, "builds"),
    ready: join(state, "ready"),
  };
}

/** A unix socket's path has at most 107 bytes, of which a run's name and its ending need 27. */
const LONGEST_FOLDER = 107 - 27;

/** Says why a folder cannot hold this user's sockets; undefined when it can. Makes it. */
async function problemOf(folder: string): Promise<string | undefined> {
  if (Buffer.byteLength(folder) > LONGEST_FOLDER) {
    return `${folder} is longer than ${LONGEST_FOLDER} bytes`;
  }
  try {
    // The folder above is not ours to make.
    await mkdir(folder, { mode: 0o700 }).catch(async (error: unknown) => {
      if ((await statIfThere(folder)) === undefined) throw error;
    });
    const status = await statIfThere(folder);
    if (!status?.isDirectory()) return `${folder} is not a folder`;
    if (status.uid !== process.getuid?.()) return `${folder} belongs to another user`;
    if ((Number(status.mode) & 0o077) !== 0) return `${folder} is open to other users`;
    await access(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    return asVmbuildError(error).message;
  }
}

/**
 * A short, private folder for sockets: $XDG_RUNTIME_DIR/vmbuild, or vmbuild-UID in the folder of
 * temporary files, in /tmp, or in another place where those cannot be used.
 * @throws {VmbuildError} HOST_FOLDER with the reason for each, when none can be used.
 */
export async function runtimeFolder(): Promise<string> {
  const lines: string[] = [];
  for (const folder of socketRoots()) {
    const problem = await problemOf(folder);
    if (problem === undefined) return folder;
    lines.push(problem);
  }
  throw new VmbuildError("HOST_FOLDER", "No suitable folder exists for the sockets of a run", {
    hint: `Set XDG_RUNTIME_DIR to a folder that you own, with mode 0700 and a path of at most ${LONGEST_FOLDER - 8} bytes.`,
    lines,
  });
}

/** The folder that a run's sockets would most likely lie in. Nothing is made. */
export async function likelyRuntimeFolder(): Promise<string> {
  const [first = "/tmp", ...more] = socketRoots();
  for (const folder of [first, ...more]) {
    const isShort = Buffer.byteLength(folder) <= LONGEST_FOLDER;
    const usable = await access(dirname(folder), constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isShort && usable) return folder;
  }
  return first;
}
