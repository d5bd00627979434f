/** Digests of files of this host, remembered by path, size and times, so that each is read once. */
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
 * A file's SHA-256 in hex, from the record of an earlier call where the file was not touched since.
 * @param status of the file, read before.
 * @param onBytes called with the number of bytes of each piece that is read.
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
    // Not there, or not readable: hash it.
  }
  const { sha256 } = await hashFile(path, [], signal, options.onBytes);
  try {
    await makePrivateFolder(folder);
    await writeFileAtomic(record, `${JSON.stringify({ path: name, version, sha256 })}\n`);
  } catch (error) {
    // A cache that cannot be written costs another reading the next time.
    if (!hostFaultOf(error)) throw error;
  }
  return sha256;
}
