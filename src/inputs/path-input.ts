/** An input that lies on this host. Its digest is remembered by path, size and times. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { stat } from "node:fs/promises";
import { VmbuildError, messageOf, systemCode } from "../errors.js";
import { makePrivateFolder, writeWhole } from "../host/files.js";
import { cacheKey } from "./cache.js";
import type { FullContext } from "./context.js";
import { hashFile } from "./digest.js";
import { createProgress } from "./progress.js";
import type { PathSpec, ResolvedInput } from "./spec.js";

const recordSchema = z.object({ version: z.string(), sha256: z.string() });

/** A file's SHA-256, from the record of an earlier run where the file was not touched since. */
async function rememberedSha256(
  name: string,
  path: string,
  version: string,
  size: number,
  context: FullContext,
): Promise<string> {
  const folder = join(context.cacheFolder, "paths");
  const record = join(folder, `${cacheKey(path)}.json`);
  try {
    const known = recordSchema.parse(JSON.parse(await readFile(record, "utf8")));
    if (known.version === version) return known.sha256;
  } catch {
    // Not there, or not readable: hash it.
  }
  const progress = createProgress(context.emit, context.clock, `hash:${name}`, `hash ${path}`);
  let done = 0;
  const onBytes = (bytes: number): void => progress.at((done += bytes), size);
  const { sha256 } = await hashFile(path, [], context.signal, onBytes);
  progress.finish(done);
  await makePrivateFolder(folder);
  await writeWhole(record, `${JSON.stringify({ path, version, sha256 })}\n`);
  return sha256;
}

/**
 * Finds a local file or folder. A file gets its SHA-256; a folder has none here, since what
 * reads it (an upload's checkpoint key) hashes it file by file.
 * @throws {VmbuildError} INPUT_MISSING.
 */
export async function resolvePath(
  name: string,
  { path }: PathSpec,
  context: FullContext,
): Promise<ResolvedInput> {
  let status;
  try {
    status = await stat(path, { bigint: true });
  } catch (error) {
    const reason = systemCode(error) === "ENOENT" ? "it is not there" : messageOf(error);
    const message = `input ${name} should be ${path}, but ${reason}`;
    throw new VmbuildError("INPUT_MISSING", message, { cause: error, details: { name, path } });
  }
  const found = { name, path, origin: path, fromCache: true };
  if (status.isDirectory()) return found;
  if (!status.isFile()) {
    throw new VmbuildError("INPUT_MISSING", `input ${name}: ${path} is no file and no folder`);
  }
  const version = [status.ino, status.size, status.mtimeNs, status.ctimeNs].join("-");
  const size = Number(status.size);
  const hex = await rememberedSha256(name, path, version, size, context);
  return { ...found, size, digest: { algorithm: "sha256", hex } };
}
