/** One input in the cache: a folder by address, and what `meta.json` says about its file. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { makePrivateFolder, statIfThere, writeWhole } from "../host/files.js";
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

/** A file that was checked, as it lay there then. */
const stampSchema = z.object({ size: z.number(), mtimeMs: z.number() });

const metaSchema = z.object({
  /** The template's address, without credentials. */
  url: z.string(),
  /** The address that gave the file, a mirror perhaps; without credentials. */
  address: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  size: z.number(),
  mtimeMs: z.number(),
  digests: digestsSchema,
  /** ISO 8601. */
  fetchedAt: z.string(),
  /** Stands for the sums file and the signature that vouched for the content last. */
  vouchedBy: z.string().optional(),
  /** The unpacked form, and the digest of the archive that it came from. */
  unpacked: stampSchema.extend({ from: hex }).optional(),
});

/** What is known about a cached file. Sizes are bytes, times milliseconds since the epoch. */
export type Meta = z.infer<typeof metaSchema>;

/** When a file was last written, and its size. */
export type Stamp = z.infer<typeof stampSchema>;

/** Where the parts of one cached download lie. All paths are absolute. */
export interface CacheEntry {
  readonly folder: string;
  readonly file: string;
  readonly part: string;
  readonly meta: string;
  readonly lock: string;
}

/** The folder's name for an address or a git tree: 20 hex digits. */
export function cacheKey(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 20);
}

/** The places of the download of `url`. Pure. */
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
    // Not there, or written by another version: then nothing is known about the file.
    return undefined;
  }
}

/** What is known about the entry's file; undefined when nothing is. */
export async function readMeta(entry: CacheEntry): Promise<Meta | undefined> {
  return readJson(entry.meta, metaSchema);
}

/** Records what is known about the entry's file. */
export async function writeMeta(entry: CacheEntry, meta: Meta): Promise<void> {
  await writeWhole(entry.meta, `${JSON.stringify(meta, undefined, 2)}\n`);
}

const treeSchema = z.object({
  url: z.string(),
  ref: z.string(),
  commit: hex,
  fetchedAt: z.string(),
});

/** What is known about a cached git tree. */
export type TreeMeta = z.infer<typeof treeSchema>;

/** What is known about the git tree whose `meta.json` this is; undefined when nothing is. */
export async function readTreeMeta(path: string): Promise<TreeMeta | undefined> {
  return readJson(path, treeSchema);
}

/** The file's stamp, or undefined when it is not there. */
export async function stampOf(path: string): Promise<Stamp | undefined> {
  const status = await statIfThere(path);
  return status && { size: Number(status.size), mtimeMs: Number(status.mtimeMs) };
}

/** Whether the file is still as it was recorded. */
export function isSameStamp(one: Stamp | undefined, other: Stamp | undefined): boolean {
  return (
    one !== undefined &&
    other !== undefined &&
    one.size === other.size &&
    one.mtimeMs === other.mtimeMs
  );
}

/** Makes the entry's folder and waits for its lock, telling so where it takes long. */
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
