/** Defines the paths of vmbuild's folders on this host (docs/architecture.md, "Files"). */
import { access, constants, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { statIfThere } from "./files.js";
import { cacheRoot, socketFolders, stateRoot } from "./folders.js";

/** Folders of the current user. They are created when they are first written to. */
export interface HostPaths {
  /** Cache of downloads, by URL. */
  readonly inputs: string;
  /** Cache of base images, by key. */
  readonly bases: string;
  /** One folder per build. */
  readonly builds: string;
  /** Booted guests that builds share, by key. */
  readonly ready: string;
}

/**
 * Returns the folders below XDG_CACHE_HOME and XDG_STATE_HOME. The environment is read at each
 * call.
 */
export function hostPaths(): HostPaths {
  const [cache, state] = [cacheRoot(), stateRoot()];
  return {
    inputs: join(cache, "inputs"),
    bases: join(cache, "bases"),
    builds: join(state, "builds"),
    ready: join(state, "ready"),
  };
}

/** Endings of a TPM's control socket and of its state, which are named after their run. */
export const TPM_ENDINGS = [".tpm", ".tpmstate"] as const;

/**
 * Longest folder for sockets: the path of a unix socket has at most 107 bytes, of which the run's
 * name and the extension need 27.
 */
const MAX_FOLDER_LENGTH = 107 - 27;

/**
 * Creates a folder for sockets. Returns the reason why it cannot be used; undefined when it can.
 */
async function socketFolderProblem(folder: string): Promise<string | undefined> {
  if (Buffer.byteLength(folder) > MAX_FOLDER_LENGTH) {
    return `${folder} is longer than ${MAX_FOLDER_LENGTH} bytes`;
  }
  try {
    // Only the folder itself is created; its parent is not vmbuild's.
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
 * Returns a short, private folder for sockets: $XDG_RUNTIME_DIR/vmbuild, or vmbuild-UID in the
 * folder of temporary files, in /tmp, or elsewhere when those cannot be used.
 * @throws {VmbuildError} HOST_FOLDER with the reason for each, when none can be used.
 */
export async function runtimeFolder(): Promise<string> {
  const lines: string[] = [];
  for (const folder of socketFolders()) {
    const problem = await socketFolderProblem(folder);
    if (problem === undefined) return folder;
    lines.push(problem);
  }
  throw new VmbuildError("HOST_FOLDER", "No suitable folder exists for the sockets of a run", {
    hint: `Set XDG_RUNTIME_DIR to a folder that you own, with mode 0700 and a path of at most ${MAX_FOLDER_LENGTH - 8} bytes.`,
    lines,
  });
}

/** Returns the folder that a run would most likely use for its sockets. Creates nothing. */
export async function likelyRuntimeFolder(): Promise<string> {
  const [first = "/tmp", ...more] = socketFolders();
  for (const folder of [first, ...more]) {
    const isShort = Buffer.byteLength(folder) <= MAX_FOLDER_LENGTH;
    const usable = await access(dirname(folder), constants.W_OK | constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isShort && usable) return folder;
  }
  return first;
}
