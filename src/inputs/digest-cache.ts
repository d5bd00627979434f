/** Caches digests of the host's files by path, size and times, so that each file is read once. */
import type { BigIntStats } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { displayName } from "../host/file-names.js";
import { hostFaultOf } from "../host/faults.js";
import { makePrivateFolder, writeFileAtomic } from "../host/files.js";
import { hostPaths } from "../host/paths.js";
import { cacheKey } from "./cache.js";
import { hashFile } from "./digest.js";

const recordSchema = z.object({ version: z.string(), sha256: z.string() });

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
  const version = [status.ino, status.size, status.mtimeNs, status.ctimeNs].join("-");
  const name = typeof path === "string" ? path : displayName(path);
  const folder = join(options.cacheFolder ?? hostPaths().inputs, "paths");
  const record = join(folder, `${cacheKey(name)}.json`);
  try {
    const known = recordSchema.parse(JSON.parse(await readFile(record, "utf8")));
    if (known.version === version) return known.sha256;
  } catch {
    // Without a readable record, the file is hashed.
  }
  const { sha256 } = await hashFile(path, [], signal, options.onBytes);
  try {
    await makePrivateFolder(folder);
    await writeFileAtomic(record, `${JSON.stringify({ path: name, version, sha256 })}\n`);
  } catch (error) {
    // When the cache cannot be written, the file is hashed again next time.
    if (!hostFaultOf(error)) throw error;
  }
  return sha256;
}
