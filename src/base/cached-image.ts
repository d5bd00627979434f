/** Caches images that are created on this host, which all builds with the same key share. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import {
  makeFolder,
  makePrivateFolder,
  markUsed,
  statIfThere,
  writeFileAtomic,
} from "../host/files.js";
import { waitForLock } from "../host/lock.js";
import { hostPaths } from "../host/paths.js";

/** Key and name of an image, and the function that creates it. */
export interface CachedImageRequest {
  /** Hash of everything that the image depends on, in hex. */
  readonly key: string;
  /** Name of the file, as `vmbuild prune` shows it. */
  readonly name: string;
  readonly signal: AbortSignal;
  /**
   * Creates the image at `path`; an incomplete one must never appear there.
   * @param workFolder empty folder, which is removed afterwards.
   * @returns the data to record beside the image; `vmbuild prune` shows its `origin`.
   */
  readonly make: (path: string, workFolder: string) => Promise<Readonly<Record<string, unknown>>>;
}

/** Cached image. */
export interface CachedImage {
  /** Absolute. */
  readonly path: string;
  /** Data that `make` returned. */
  readonly record: unknown;
}

/** Size in bytes and time stamp of the image, in addition to the data of `make`. */
const recordSchema = z.looseObject({ size: z.number(), mtimeMs: z.number() });

const folderOf = (key: string): string => join(hostPaths().bases, key.slice(0, 20));

/** Returns the cached image with this key, if any, and marks it as used. */
export async function findCachedImage(key: string, name: string): Promise<CachedImage | undefined> {
  const cached = await readCached(cachedImagePath(key, name));
  if (cached) await markUsed(folderOf(key));
  return cached;
}

/** Returns the absolute path of the image with this key, which need not exist yet. Pure. */
export function cachedImagePath(key: string, name: string): string {
  return join(folderOf(key), name);
}

/** Returns the cached image if its size and time stamp match its record. */
async function readCached(path: string): Promise<CachedImage | undefined> {
  const status = await statIfThere(path);
  if (!status) return undefined;
  try {
    const record = recordSchema.parse(JSON.parse(await readFile(`${path}.json`, "utf8")));
    const fits = record.size === status.size && record.mtimeMs === status.mtimeMs;
    return fits ? { path, record } : undefined;
  } catch {
    // Without a readable record the image may be incomplete, so it is created again.
    return undefined;
  }
}

/**
 * Returns the image for a key, from the cache or created now. Concurrent runs create the same image
 * once.
 * @throws errors of `make`; the signal's reason.
 */
export async function getCachedImage(request: CachedImageRequest): Promise<CachedImage> {
  const { key, name, signal } = request;
  const cached = await findCachedImage(key, name);
  if (cached) return cached;
  const path = cachedImagePath(key, name);
  const folder = folderOf(key);
  await makePrivateFolder(hostPaths().bases);
  await makeFolder(folder);
  await using _lock = await waitForLock(join(folder, "lock"), signal);
  return (await readCached(path)) ?? (await makeImage(request, path));
}

async function makeImage({ key, make }: CachedImageRequest, path: string): Promise<CachedImage> {
  const workFolder = await mkdtemp(join(folderOf(key), ".work-"));
  try {
    const made = await make(path, workFolder);
    const status = await statIfThere(path);
    const record = { size: status?.size, mtimeMs: status?.mtimeMs, ...made };
    await writeFileAtomic(`${path}.json`, `${JSON.stringify(record, null, 2)}\n`);
    return { path, record };
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}
