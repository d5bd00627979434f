/** Bootstrapped bases, made once for each key and then shared by every build. */
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Emit } from "../events/types.js";
import { makePrivateFolder, markUsed, statIfThere, writeWhole } from "../host/files.js";
import { waitForLock } from "../host/lock.js";
import { hostPaths } from "../host/paths.js";
import { hashFile } from "../inputs/digest.js";
import { bootstrapBase, bootstrapKey, describeBootstrap } from "./bootstrap/bootstrap.js";
import type { BootstrapSpec } from "./bootstrap/bootstrap.js";

/** A base in the cache. */
export interface CachedBase {
  readonly path: string;
  /** sha256 of the image, in hex. */
  readonly digest: string;
}

/** What making one is given. */
export interface BootstrapCacheContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

const recordSchema = z.object({ digest: z.string(), size: z.number(), mtimeMs: z.number() });

/** The template's words as the bootstrap takes them. */
export function bootstrapSpec(definition: {
  suite: string;
  packages: readonly string[];
  size?: number | undefined;
}): BootstrapSpec {
  const { suite, packages, size } = definition;
  return { suite, packages, ...(size === undefined ? {} : { size }) };
}

const folderOf = (spec: BootstrapSpec): string =>
  join(hostPaths().bases, bootstrapKey(spec).slice(0, 20));

/** Where a bootstrapped base lies, or will lie. Pure. */
export function bootstrapLocation(spec: BootstrapSpec): string {
  return join(folderOf(spec), `${spec.suite}.qcow2`);
}

/** The recorded digest, while size and time stamp are those of the file that it was taken of. */
async function readCached(path: string): Promise<CachedBase | undefined> {
  const status = await statIfThere(path);
  if (!status) return undefined;
  const text = await readFile(`${path}.json`, "utf8").catch(() => "{}");
  const record = recordSchema.safeParse(JSON.parse(text)).data;
  const fits = record?.size === status.size && record.mtimeMs === status.mtimeMs;
  return fits ? { path, digest: record.digest } : undefined;
}

async function make(spec: BootstrapSpec, path: string, context: BootstrapCacheContext) {
  const { emit, signal } = context;
  const workFolder = await mkdtemp(join(folderOf(spec), ".work-"));
  try {
    const label = `making a ${spec.suite} base from packages (once; it is kept)`;
    emit({ type: "note", message: label });
    const facts = await bootstrapBase(spec, path, { emit, signal, workFolder });
    const { sha256: digest } = await hashFile(path, [], signal);
    const status = await statIfThere(path);
    const record = { digest, size: status?.size, mtimeMs: status?.mtimeMs };
    const text = JSON.stringify({ ...record, key: describeBootstrap(spec), facts }, null, 2);
    await writeWhole(`${path}.json`, `${text}\n`);
    return { path, digest };
  } finally {
    await rm(workFolder, { recursive: true, force: true });
  }
}

/**
 * The base for a spec, from the cache or made now. Two runs that want the same one make it once.
 * @throws {VmbuildError} BASE_BOOTSTRAP, HOST_SPACE, HOST_PROGRAM_MISSING.
 */
export async function resolveBootstrap(
  spec: BootstrapSpec,
  context: BootstrapCacheContext,
): Promise<CachedBase> {
  const path = bootstrapLocation(spec);
  const folder = folderOf(spec);
  const cached = await readCached(path);
  if (cached) {
    await markUsed(folder);
    return cached;
  }
  await makePrivateFolder(hostPaths().bases);
  await mkdir(folder, { recursive: true });
  await using _lock = await waitForLock(join(folder, "lock"), context.signal);
  return (await readCached(path)) ?? (await make(spec, path, context));
}
