/** Writes files atomically (temporary name, fsync, rename) and creates folders. */
import { randomBytes } from "node:crypto";
import { lstat, mkdir, open, readdir, rename, rm, stat, statfs, utimes } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { formatSizes } from "./format.js";

/** Returns an unused name beside `path`, on the same file system. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(4).toString("hex")}.part`);
}

/** Returns whether {@link temporaryBeside} could have created this file name. */
export function isTemporaryName(name: string): boolean {
  return /^\..+\.[0-9a-f]{8}\.part$/s.test(name);
}

/**
 * Runs an operation on an open file and adds the path to its errors, which the kernel does not
 * name.
 */
async function withPath<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Error && !("path" in error)) Object.assign(error, { path });
    throw error;
  }
}

/**
 * Flushes a file's content and its folder entry to disk. A symbolic link has no content of its own,
 * and its target may not exist yet.
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

/** Writes all bytes at a position: a nearly full disk takes fewer at once, without an error. */
export async function writeAll(file: FileHandle, data: Buffer, position: number): Promise<void> {
  for (let at = 0; at < data.length;) {
    const { bytesWritten } = await file.write(data, at, data.length - at, position + at);
    at += bytesWritten;
  }
}

/** Renames a finished temporary file to its final name: fsync, rename, fsync of the folder. */
export async function publish(temporary: string, path: string): Promise<void> {
  await syncToDisk(temporary);
  await rename(temporary, path);
  await syncToDisk(dirname(path));
}

/** Writes a small file atomically: a reader sees either the old content or the new content. */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = 0o644,
): Promise<void> {
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
 * Creates a folder with its parents. Node's own recursive mkdir never returns where a folder cannot
 * be created although its parent exists, as in /proc and in a folder that was removed.
 * @returns the topmost folder that was created; undefined where the folder existed.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<string | undefined> {
  const parent = dirname(path);
  try {
    return await makeSingleFolder(path, mode);
  } catch (error) {
    if (systemCode(error) !== "ENOENT" || parent === path) throw error;
    // Another process may have created the parent just now. In /proc the second attempt fails as
    // well.
    if (await statIfThere(parent)) return makeSingleFolder(path, mode);
  }
  const made = await makeFolder(parent, mode);
  const own = await makeSingleFolder(path, mode);
  return made ?? own;
}

/**
 * Creates a folder whose parent exists.
 * @returns undefined where the folder existed.
 */
async function makeSingleFolder(path: string, mode: number): Promise<string | undefined> {
  try {
    await mkdir(path, { mode });
    return path;
  } catch (error) {
    if ((await statIfThere(path))?.isDirectory()) return undefined;
    throw error;
  }
}

/** Creates a folder with its parents that only its owner may enter. */
export async function makePrivateFolder(path: string): Promise<void> {
  await makeFolder(path, 0o700);
}

/** Returns the file's status, or undefined when it does not exist. Other errors are thrown. */
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

/** Opens a file for reading, or returns undefined when it does not exist. */
export async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads a text file as UTF-8, or returns undefined when it does not exist. */
export async function readIfThere(path: string): Promise<string | undefined> {
  await using handle = await openIfThere(path);
  // Awaited here, since the handle is closed when the function ends.
  return await handle?.readFile("utf8");
}

/**
 * Updates the modification time of a cache folder, by which `vmbuild prune` finds the least
 * recently used entries. A folder of another user, or one that was removed, is left alone.
 */
export async function markUsed(folder: string): Promise<void> {
  const now = new Date();
  await utimes(folder, now, now).catch(() => {}); // A failure only affects the order of eviction.
}

/**
 * Returns the bytes available to this user on the file system of `path` or of its nearest existing
 * parent.
 */
export async function freeSpace(path: string): Promise<number> {
  let at = path;
  while ((await statIfThere(at)) === undefined && dirname(at) !== at) at = dirname(at);
  const { bavail, bsize } = await statfs(at);
  return bavail * bsize;
}

/**
 * Checks that `bytes` more fit on the file system of `path`.
 * @throws {VmbuildError} HOST_SPACE, which names the purpose of the space.
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

/**
 * Returns the bytes that a file, or a folder with its content, takes on disk; 0 when it does not
 * exist.
 */
export async function sizeOnDisk(path: string): Promise<number> {
  try {
    const status = await lstat(path);
    const own = status.blocks * 512;
    if (!status.isDirectory()) return own;
    const names = await readdir(path);
    const sizes = await Promise.all(names.map((name) => sizeOnDisk(join(path, name))));
    return sizes.reduce((sum, size) => sum + size, own);
  } catch (error) {
    // A file that was removed meanwhile or belongs to another user is not counted.
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return 0;
    throw error;
  }
}
