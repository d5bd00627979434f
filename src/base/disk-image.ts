/**
 * Converts a file to an image that QEMU can start from. The file is unpacked or converted once, and
 * the result is cached. Other files are refused with a description of their content.
 */
import { createHash } from "node:crypto";
import { rename, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../events/types.js";
import { publish } from "../host/files.js";
import { displayUrl } from "../inputs/address.js";
import { cachedDigest } from "../inputs/digest-cache.js";
import { getCachedImage, findCachedImage } from "./cached-image.js";
import { convertForeign } from "./foreign.js";
import {
  extentsOf,
  foreignFormat,
  isUsableAsIs,
  invalidBaseError,
  recognizeBase,
  requireIntactImage,
} from "./recognize.js";
import type { BaseFile } from "./recognize.js";
import type { Layer } from "./layer.js";
import { unpackLayers } from "./unpack-layers.js";

/** Inputs of {@link ensureImage} besides the file. */
export interface ImageContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Size of the machine's disk in bytes; limits how much is unpacked. */
  readonly disk?: number | undefined;
}

/** Image in a format that QEMU can start from. */
export interface UsableImage {
  /** Absolute path: the file itself, or the image created from it. */
  readonly path: string;
  /** True when it was unpacked or converted. */
  readonly isConverted: boolean;
  /** `sha256:<hex>` of the image and its extents, where it has any. */
  readonly digest?: string;
}

/** Version of unpacking and conversion. Raised when the same file results in another image. */
const VERSION = 1;
const GIB = 2 ** 30;
const DEFAULT_DISK = 1024 * GIB;
/** Name of the image in the cache. Its content tells its format. */
const NAME = "disk-image";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

const keyOf = (digest: string): string => sha256(`image ${VERSION} ${digest}`);

/**
 * Converts the innermost layer to an image at `target`.
 * @throws {VmbuildError} BASE_INVALID with a description of the layer, if it is not a disk image.
 */
async function convertLayer(
  layer: Layer,
  file: BaseFile,
  target: string,
  { emit, signal }: ImageContext,
): Promise<void> {
  const { content, what } = layer;
  if (isUsableAsIs(content)) {
    await requireIntactImage(layer);
    await rename(layer.path, target);
    return;
  }
  if (content.kind !== "image" && content.kind !== "descriptor") {
    throw invalidBaseError(
      what,
      `is ${content.what}`,
      content.kind === "other" ? content.hint : undefined,
    );
  }
  const extents = await extentsOf(layer, file.isLocal && !layer.isTemporary);
  emit({
    type: "note",
    message: `${what} is ${content.what}: converting to qcow2; the result will be cached`,
  });
  const image = { path: layer.path, format: foreignFormat(content), what, extents };
  await convertForeign(image, target, signal);
}

/**
 * Unpacks and converts a file to an image at `target`; `scratch` is an empty folder in the same
 * file system.
 */
async function unpackAndConvert(
  layer: Layer,
  file: BaseFile,
  { target, scratch }: { readonly target: string; readonly scratch: string },
  context: ImageContext,
): Promise<void> {
  const disk = context.disk ?? DEFAULT_DISK;
  const { emit, signal } = context;
  // An archive may contain more than the disk, and a qcow2 image more than its virtual size.
  const unpacking = { scratch, limit: 2 * disk + GIB, emit, signal };
  const finished = join(scratch, "finished");
  await convertLayer(await unpackLayers(layer, unpacking), file, finished, context);
  await publish(finished, target);
}

async function digestOf(path: string, signal: AbortSignal): Promise<string> {
  const status = await stat(path, { bigint: true });
  return `sha256:${await cachedDigest(path, status, signal)}`;
}

/** Returns the digests of all files of the image. */
async function combinedDigest(
  file: BaseFile,
  extents: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const own = file.digest ?? (await digestOf(file.path, signal));
  const others: string[] = [];
  for (const extent of extents) others.push(await digestOf(extent, signal));
  return others.length === 0 ? own : [own, ...others].join(" ");
}

/**
 * Returns the path of the image that was created from a file earlier; undefined if there is none.
 */
export async function findConvertedImage(
  file: BaseFile,
  extents: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const key = keyOf(await combinedDigest(file, extents, signal));
  return (await findCachedImage(key, NAME))?.path;
}

/**
 * Ensures that a file is an image that QEMU can start from. A suitable file is used directly.
 * @throws {VmbuildError} BASE_INVALID with a description of the file, INPUT_UNPACK,
 *   BASE_TOO_LARGE, HOST_SPACE, HOST_PROGRAM_MISSING; the signal's reason when it was aborted.
 */
export async function ensureImage(file: BaseFile, context: ImageContext): Promise<UsableImage> {
  const { layer, extents } = await recognizeBase(file);
  if (isUsableAsIs(layer.content)) return { path: file.path, isConverted: false };
  const digest = await combinedDigest(file, extents, context.signal);
  const { path } = await getCachedImage({
    key: keyOf(digest),
    name: NAME,
    signal: context.signal,
    async make(target, scratch) {
      await unpackAndConvert(layer, file, { target, scratch }, context);
      return { origin: displayUrl(file.origin) };
    },
  });
  const whole = extents.length === 0 ? {} : { digest: `sha256:${sha256(digest)}` };
  return { path, isConverted: true, ...whole };
}
