/**
 * A file that a template names as its base, made into an image that QEMU starts from: unpacked,
 * or converted, once, into the cache of bases; refused by name where it is something else.
 */
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import type { Emit } from "../events/types.js";
import { makePrivateFolder, markUsed, publish, writeWhole } from "../host/files.js";
import { waitForLock } from "../host/lock.js";
import { hostPaths } from "../host/paths.js";
import { displayUrl, safeName } from "../inputs/address.js";
import { cacheKey, isSameStamp, stampOf } from "../inputs/cache.js";
import { rememberedDigest } from "../inputs/remembered.js";
import { convertForeign } from "./foreign.js";
import {
  describedExtents,
  isReady,
  notABase,
  recogniseBase,
  requireSoundImage,
} from "./requirements.js";
import { unwrap } from "./unwrap.js";
import type { Layer } from "./unwrap.js";

/** A file that should be a base. */
export interface ImageFile {
  /** Absolute. */
  readonly path: string;
  /** The address, path or name by which the user knows it. */
  readonly origin: string;
  /** `sha256:<hex>`; computed where it is not known and wanted. */
  readonly digest?: string | undefined;
  /** Whether it is the user's own, so that it may be in several files of this host. */
  readonly isLocal: boolean;
}

/** What opening an image is given. */
export interface ImageContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** The size of the machine's disk in bytes, beyond which nothing is unpacked. */
  readonly disk?: number | undefined;
}

/** An image in a format that QEMU starts from. */
export interface OpenedImage {
  /** Absolute: the file itself, or what was made of it. */
  readonly path: string;
  /** Whether it was unpacked or converted. */
  readonly isMade: boolean;
  /** `sha256:<hex>` for the image and the files beside it that its data lies in, where it has any. */
  readonly digest?: string;
}

/** Raised when the same file would be unpacked or converted in another way. */
const VERSION = 1;
const GIB = 2 ** 30;
const DEFAULT_DISK = 1024 * GIB;

const recordSchema = z.object({
  /** The file's origin; as `meta.json` of a download has it. */
  url: z.string(),
  file: z.string(),
  size: z.number(),
  mtimeMs: z.number(),
});

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

/** The folder of what is made of a file with this digest. Pure. */
function folderOf(digest: string): string {
  return join(hostPaths().bases, cacheKey(`image ${VERSION} ${digest}`));
}

async function readMade(folder: string): Promise<string | undefined> {
  try {
    const record = recordSchema.parse(
      JSON.parse(await readFile(join(folder, "meta.json"), "utf8")),
    );
    const path = join(folder, safeName(record.file));
    return isSameStamp(await stampOf(path), record) ? path : undefined;
  } catch {
    // Not there, or of another version: it is made again.
    return undefined;
  }
}

/** Makes the last layer into an image at a place of the scratch folder, or says what it is. */
async function finishLayer(
  layer: Layer,
  file: ImageFile,
  scratch: string,
  { emit, signal }: ImageContext,
): Promise<{ path: string; name: string }> {
  const { content, what } = layer;
  if (isReady(content)) {
    await requireSoundImage(layer);
    return { path: layer.path, name: layer.name };
  }
  if (content.kind !== "image" && content.kind !== "descriptor") {
    throw notABase(what, `is ${content.what}`, content.kind === "other" ? content.hint : undefined);
  }
  const extents = await describedExtents(layer, file.isLocal && !layer.isOurs);
  const format = content.kind === "image" ? content.format : "vmdk";
  emit({
    type: "note",
    message: `${what} is ${content.what}: converting to qcow2; the result will be cached`,
  });
  const target = join(scratch, "converted");
  await convertForeign({ path: layer.path, format, what, extents }, target, signal);
  return { path: target, name: `${layer.name.replace(/\.[A-Za-z0-9]{1,5}$/, "")}.qcow2` };
}

async function make(
  layer: Layer,
  file: ImageFile,
  folder: string,
  context: ImageContext,
): Promise<string> {
  const scratch = await mkdtemp(join(folder, ".work-"));
  try {
    const disk = context.disk ?? DEFAULT_DISK;
    const { emit, signal } = context;
    // An archive holds more than the disk, and a qcow2 image more than the disk that it shows.
    const unwrapping = { scratch, limit: 2 * disk + GIB, emit, signal };
    const made = await finishLayer(await unwrap(layer, unwrapping), file, scratch, context);
    const name = safeName(made.name);
    const path = join(folder, name);
    await publish(made.path, path);
    const { size, mtimeMs } = await stat(path);
    const record = { url: displayUrl(file.origin), file: name, size, mtimeMs };
    await writeWhole(join(folder, "meta.json"), `${JSON.stringify(record, undefined, 2)}\n`);
    return path;
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const status = await stat(path, { bigint: true });
  return `sha256:${await rememberedDigest(path, status, signal)}`;
}

/** A digest of all files that the image lies in. */
async function wholeDigest(
  file: ImageFile,
  extents: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const own = file.digest ?? (await digestOf(file.path, signal));
  const others: string[] = [];
  for (const extent of extents) others.push(await digestOf(extent, signal));
  return others.length === 0 ? own : [own, ...others].join(" ");
}

/** What was made of the file earlier; undefined when nothing was. */
export async function madeImage(
  file: ImageFile,
  extents: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  return readMade(folderOf(await wholeDigest(file, extents, signal)));
}

/**
 * Makes sure that a file is an image that QEMU starts from. A file that is one stays as it is.
 * @throws {VmbuildError} BASE_INVALID with what the file is instead, INPUT_UNPACK, BASE_TOO_LARGE,
 *   HOST_SPACE, HOST_PROGRAM_MISSING; the signal's own reason when it was aborted.
 */
export async function openImage(file: ImageFile, context: ImageContext): Promise<OpenedImage> {
  const what = `The base ${file.origin}`;
  const content = await recogniseBase(file.path, what);
  const name = basename(file.path);
  const layer: Layer = { path: file.path, name, what, content, isOurs: false, extents: [] };
  if (isReady(content)) {
    await requireSoundImage(layer);
    return { path: file.path, isMade: false };
  }
  if (content.kind === "other") throw notABase(what, `is ${content.what}`, content.hint);
  const extents = await describedExtents(layer, file.isLocal);
  const digest = await wholeDigest(file, extents, context.signal);
  const folder = folderOf(digest);
  const found = async (path: string): Promise<OpenedImage> => {
    await markUsed(folder);
    return {
      path,
      isMade: true,
      ...(extents.length === 0 ? {} : { digest: `sha256:${sha256(digest)}` }),
    };
  };
  const known = await readMade(folder);
  if (known !== undefined) return found(known);
  await makePrivateFolder(folder);
  await using _lock = await waitForLock(join(folder, "lock"), context.signal);
  return await found((await readMade(folder)) ?? (await make(layer, file, folder, context)));
}
