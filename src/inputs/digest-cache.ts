/** Caches digests of the host's files by path, size and times, so that each file is read once. */
import type { BigIntStats } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { displayName } from "../host/file-names.js";
import { hostFaultOf } from "../host/faults.js";
import { makePrivateFolder, writeFileAtomic } from "../host/files.js";
import { hostPaths } from "../host/paths.js";
import { cacheKey } from "./cache.js";
import { hashFile } from "./digest.js";

const recordSchema = z.object({ version: z.string(), sha256: z.string() });
type DigestRecord = z.infer<typeof recordSchema>;

/** Returns the version of a file's content, as far as its status tells it. */
const versionOf = ({ ino, size, mtimeNs, ctimeNs }: BigIntStats): string =>
  [ino, size, mtimeNs, ctimeNs].join("-");

/** Returns the path of the record about a file. */
const recordPath = (name: string, cacheFolder: string): string =>
  join(cacheFolder, "paths", `${cacheKey(name)}.json`);

async function readRecord(path: string): Promise<DigestRecord | undefined> {
  try {
    return recordSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined; // Without a readable record, the file is hashed.
  }
}

async function writeRecord(path: string, name: string, record: DigestRecord): Promise<void> {
  try {
    await makePrivateFolder(dirname(path));
    await writeFileAtomic(path, `${JSON.stringify({ path: name, ...record })}\n`);
  } catch (error) {
    // When the cache cannot be written, the file is hashed again next time.
    if (!hostFaultOf(error)) throw error;
  }
}

/**
 * Returns a file's SHA-256 in hexadecimal, from the cache when the file has not changed since.
 * @param status the file's status, read before.
 * @param onBytes called with the number of bytes of each chunk that is read.
 */
export async function cachedDigest(
  path: string | Buffer,
  status: BigIntStats,
  signal: AbortSignal,
  options: { cacheFolder?: string; onBytes?: (bytes: number) => void } = {},
): Promise<string> {
  const version = versionOf(status);
  const name = typeof path === "string" ? path : displayName(path);
  const record = recordPath(name, options.cacheFolder ?? hostPaths().inputs);
  const known = await readRecord(record);
  if (known?.version === version) return known.sha256;
  const { sha256 } = await hashFile(path, [], signal, options.onBytes);
  await writeRecord(record, name, { version, sha256 });
  return sha256;
}

/**
 * Runs work that adds hard links to a file or removes some, and keeps the file's cached digest. A
 * link changes the status time (ctime), which belongs to the version of the content because nobody
 * can set it; the file would be read again. The digest is not kept where the file's size or
 * modification time changed meanwhile.
 */
export async function keepDigest<T>(path: string, work: () => Promise<T>): Promise<T> {
  const record = recordPath(path, hostPaths().inputs);
  const known = await readRecord(record);
  if (!known) return work();
  const before = await stat(path, { bigint: true });
  const result = await work();
  const after = await stat(path, { bigint: true });
  const isSame = after.size === before.size && after.mtimeNs === before.mtimeNs;
  if (known.version === versionOf(before) && after.ino === before.ino && isSame) {
    await writeRecord(record, path, { ...known, version: versionOf(after) });
  }
  return result;
}
