/** Files that are whole or not there: temporary name, fsync, rename. */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, open, readdir, rename, rm, stat, statfs, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { formatSizes } from "./format.js";

/** A name beside `path`, on the same file system, that nothing else uses. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.part`);
}

/** Returns whether a file name is one that {@link temporaryBeside} can make. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.[0-9a-f]{8}\.part$/s.test(name);
}

/** Does something with an open file; the kernel's errors then do not say which file it is. */
async function withPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && !("path" in error)) Object.assign(error, { path });
    throw error;
  }
}

/**
 * Makes a file's content, and its name in the folder, survive a power loss. A symbolic link has
 * no content of its own, and may lead to what is not there yet.
 */
export async function syncToDisk(path: string): Promise<void> {
  if ((await lstat(path)).isSymbolicLink()) return;
  const handle = await open(path, "r");
  try {
    await withPath(path, () => handle.sync());
  } finally {
    await handle.close();
  }
}

/** Gives a finished temporary file its final name: fsync, rename, fsync of the folder. */
export async function publish(temporary: string, path: string): Promise<void> {
  await syncToDisk(temporary);
  await rename(temporary, path);
  await syncToDisk(dirname(path));
}

/** Writes a small file so that a reader sees the old content or the new, never a part. */
export async function writeFileAtomic(path: string, content: string, mode = 0o644): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    const handle = await open(temporary, "wx", mode);
    try {
      await withPath(path, () => handle.writeFile(content));
    } finally {
      await handle.close();
    }
    await publish(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Makes a folder with its parents. Node's own recursive mkdir never returns where a folder cannot
 * be made although its parent is there, as in /proc and in a folder that was removed.
 * @returns the topmost folder that was made; undefined where the folder is there already.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<string | undefined> {
  const parent = dirname(path);
  try {
    return await makeSingleFolder(path, mode);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || parent === path) throw error;
    // Another process may have made the parent just now; in /proc this fails again.
    if (await statIfThere(parent)) return makeSingleFolder(path, mode);
  }
  const made = await makeFolder(parent, mode);
  const own = await makeSingleFolder(path, mode);
  return made ?? own;
}

/** Makes a folder whose parent is there. @returns undefined where it is there already. */
async function makeSingleFolder(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    if ((await statIfThere(path))?.isDirectory()) return undefined;
    throw error;
  }
}

/** Makes a folder that only its owner may enter, with its parents. */
export async function makePrivateFolder(path: string): Promise<void> {
  await makeFolder(path, 0o700);
}

/** The file's status, or undefined when there is no such file. Other errors are thrown. */
export async function statIfThere(
  path: string,
): Promise<Awaited<ReturnType<typeof stat>> | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * Notes that a folder of a cache was used now, as its own time of change: `vmbuild prune` keeps
 * what was used last. A folder of somebody else, or one that is gone, stays as it is.
 */
export async function markUsed(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now).catch(() => {}); // Only the order in which caches go is at stake.
}

/** Free bytes for this user on the file system that holds `path` or its nearest existing parent. */
export async function freeSpace(path: string): Promise<number> {
  let at = path;
  while ((await statIfThere(at)) === undefined && dirname(at) !== at) at = dirname(at);
  const { bavail, bsize } = await statfs(at);
  return bavail * bsize;
}

/**
 * Checks that `bytes` more fit beside `path`.
 * @throws {VmbuildError} HOST_SPACE, naming what the space is for.
 */
export async function requireSpace(path: string, bytes: number, what: string): Promise<void> {
  const free = await freeSpace(path);
  if (free >= bytes) return;
  const [needed, there] = formatSizes(bytes, free);
  throw new VmbuildError(
    "HOST_SPACE",
    `${what} needs ${needed} in ${dirname(path)}, where ${there} are free`,
    { details: { path, needed: bytes, free } },
  );
}

/** Bytes that a file, or a folder with all that it holds, takes on its disk; 0 for none. */
export async function sizeOnDisk(path: string): Promise<number> {
  try {
    const status = await lstat(path);
    const own = status.blocks * 512;
    if (!status.isDirectory()) return own;
    const names = await readdir(path);
    const sizes = await Promise.all(names.map((name) => sizeOnDisk(join(path, name))));
    return sizes.reduce((sum, size) => sum + size, own);
  } catch (error) {
    // Gone meanwhile, or somebody else's: then it does not count.
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return 0;
    throw error;
  }
}
