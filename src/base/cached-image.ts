/** Base images in the cache, each made once for its key and then shared by every build. */
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

/** Which image, and how it is made. */
export interface CachedImageRequest {
  /** A hash of everything that the image is made from, in hex. */
  readonly key: string;
  /** The file's name, by which `vmbuild prune` shows it. */
  readonly name: string;
  readonly signal: AbortSignal;
  /**
   * Makes the image at `path`, whole or not at all.
   * @param workFolder is empty, and removed afterwards.
   * @returns what to record beside it; `origin` is how `vmbuild prune` shows it.
   */
  readonly make: (path: string, workFolder: string) => Promise<Readonly<Record<string, unknown>>>;
}

/** An image in the cache. */
export interface CachedImage {
  /** Absolute. */
  readonly path: string;
  /** What `make` recorded. */
  readonly record: unknown;
}

/** Size in bytes and time stamp of the image, beside what `make` recorded. */
const recordSchema = z.looseObject({ size: z.number(), mtimeMs: z.number() });

const folderOf = (key: string): string => join(hostPaths().bases, key.slice(0, 20));

/** The image with this key, if it was made; it then counts as used. */
export async function findCachedImage(key: string, name: string): Promise<CachedImage | undefined> {
  const cached = await readCached(cachedImagePath(key, name));
  if (cached) await markUsed(folderOf(key));
  return cached;
}

/** Absolute path of the image with this key, now or after it was made. Pure. */
export function cachedImagePath(key: string, name: string): string {
  return join(folderOf(key), name);
}

/** The image, while size and time stamp are those of the file that was recorded. */
async function readCached(path: string): Promise<CachedImage | undefined> {
  const status = await statIfThere(path);
  if (!status) return undefined;
  try {
    const record = recordSchema.parse(JSON.parse(await readFile(`${path}.json`, "utf8")));
    const fits = record.size === status.size && record.mtimeMs === status.mtimeMs;
    return fits ? { path, record } : undefined;
  } catch {
    // No record, or one that cannot be read: the image may be incomplete and is made again.
    return undefined;
  }
}

/**
 * The image for a key, from the cache or made now. Two runs that want the same one make it once.
 * @throws what `make` throws; the signal's reason.
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
