/** Manages one cached input: a folder per address, with `meta.json` that describes its file. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { makePrivateFolder, statIfThere, writeFileAtomic } from "../host/files.js";
import { tryLock, waitForLock } from "../host/lock.js";
import type { HeldLock } from "../host/lock.js";
import { baseNameOf, safeName } from "./address.js";
import { STRONGEST_FIRST } from "./algorithms.js";
import type { FullContext } from "./context.js";

const hex = z.string().regex(/^[0-9a-f]+$/);

const digestsSchema = z.intersection(
  z.object({ sha256: hex }),
  z.partialRecord(z.enum(STRONGEST_FIRST), hex),
);

/** Size and time of a file when it was verified. */
const stampSchema = z.object({ size: z.number(), mtimeMs: z.number() });

const metaSchema = z.object({
  /** Address in the template, without credentials. */
  url: z.string(),
  /** Address that the file was downloaded from, possibly a mirror; without credentials. */
  address: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  size: z.number(),
  mtimeMs: z.number(),
  digests: digestsSchema,
  /** ISO 8601. */
  fetchedAt: z.string(),
  /** Identifies the checksum file and the signature that verified the content last. */
  vouchedBy: z.string().optional(),
  /** Unpacked form, with the digest of its archive. */
  unpacked: stampSchema.extend({ from: hex }).optional(),
});

/** Metadata of a cached file. Sizes are bytes, times milliseconds since the epoch. */
export type Meta = z.infer<typeof metaSchema>;

/** Size and modification time of a file. */
export type Stamp = z.infer<typeof stampSchema>;

/** Paths of one cached download. All are absolute. */
export interface CacheEntry {
  readonly folder: string;
  readonly file: string;
  readonly part: string;
  readonly meta: string;
  readonly lock: string;
}

/** Returns the folder name for an address or a git tree: 20 hexadecimal digits. */
export function cacheKey(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 20);
}

/** Returns the paths for the download of `url`. Pure. */
export function cacheEntry(url: string, cacheFolder: string): CacheEntry {
  const folder = join(cacheFolder, cacheKey(url));
  const name = safeName(baseNameOf(url));
  return {
    folder,
    file: join(folder, name),
    part: join(folder, `${name}.part`),
    meta: join(folder, "meta.json"),
    lock: join(folder, "lock"),
  };
}

async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  try {
    return schema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    // The file is missing or was written by another version, so nothing is known about the content.
    return undefined;
  }
}

/** Reads the metadata of a cache entry; undefined where there is none. */
export async function readMeta(entry: CacheEntry): Promise<Meta | undefined> {
  return readJson(entry.meta, metaSchema);
}

/** Writes the metadata of a cache entry. */
export async function writeMeta(entry: CacheEntry, meta: Meta): Promise<void> {
  await writeFileAtomic(entry.meta, `${JSON.stringify(meta, undefined, 2)}\n`);
}

const treeSchema = z.object({
  url: z.string(),
  ref: z.string(),
  commit: hex,
  fetchedAt: z.string(),
});

/** Metadata of a cached git tree. */
export type TreeMeta = z.infer<typeof treeSchema>;

/** Reads the metadata of a git tree from its `meta.json`; undefined where there is none. */
export async function readTreeMeta(path: string): Promise<TreeMeta | undefined> {
  return readJson(path, treeSchema);
}

/** Returns the stamp of a file; undefined where it does not exist. */
export async function stampOf(path: string): Promise<Stamp | undefined> {
  const status = await statIfThere(path);
  return status && { size: Number(status.size), mtimeMs: Number(status.mtimeMs) };
}

/** Returns whether the file is unchanged since its stamp was recorded. */
export function isSameStamp(one: Stamp | undefined, other: Stamp | undefined): boolean {
  return (
    one !== undefined &&
    other !== undefined &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs
  );
}

/** Creates the entry's folder and waits for its lock. Emits a note when this takes long. */
export async function lockEntry(
  entry: Pick<CacheEntry, "folder" | "lock">,
  name: string,
  context: FullContext,
): Promise<HeldLock> {
  await makePrivateFolder(entry.folder);
  const lock = await tryLock(entry.lock);
  if (lock) return lock;
  context.emit({
    type: "note",
    message: `${name}: waiting for another run that is downloading it`,
  });
  return waitForLock(entry.lock, context.signal);
}
