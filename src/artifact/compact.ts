/** Converts the disk of a stopped machine to self-contained images in the requested formats. */
import { createReadStream } from "node:fs";
import { mkdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isTemporaryName, temporaryBeside } from "../host/files.js";
import { imageInfo } from "../machine/disk.js";
import { metered } from "./archive.js";
import { artifactError } from "./failures.js";
import type { Conversion } from "./format.js";
import { packNamed, packStream } from "./packs.js";
import type { Pack } from "./packs.js";
import { formatNamed } from "./registry.js";
import type { Compression, ImageFormat } from "./registry.js";
import { measureDisk, requireRoom } from "./room.js";

export type { Compression, ImageFormat } from "./registry.js";

/** Options of a conversion. */
export interface CompactOptions extends Omit<
  Conversion<Compression>,
  "scratch" | "filename" | "subformat" | "compression"
> {
  readonly format: ImageFormat;
  /** Compression inside the file; its default unless given. */
  readonly compression?: Compression | undefined;
  /** Variant of the format; its default unless given. */
  readonly subformat?: string | undefined;
  /** Program that compresses the whole file. */
  readonly pack?: Pack | undefined;
  /** Final name of the file; the name of the destination unless given. */
  readonly filename?: string | undefined;
}

/** Finished image. Sizes are bytes. */
export interface CompactedImage {
  /** Length of the file, as it is downloaded. */
  readonly size: number;
  /** Size of the disk as a guest sees it. */
  readonly virtualSize: number;
}

/**
 * Returns the compression for a format: its default when it does not support the requested one. A
 * file that is compressed as a whole has none of its own by default.
 */
export function compressionOf(
  format: ImageFormat,
  asked: Compression | undefined,
  pack?: Pack,
): Compression {
  const { compressions } = formatNamed(format);
  const wanted = asked ?? (pack === undefined ? undefined : "none");
  return wanted !== undefined && compressions.includes(wanted) ? wanted : compressions[0];
}

/** Returns the options with all defaults. */
function complete(options: CompactOptions): Omit<Conversion<Compression>, "scratch"> {
  const { destination, filename = basename(destination), pack } = options;
  const { name, subformats } = formatNamed(options.format);
  return {
    ...options,
    filename,
    subformat: options.subformat ?? subformats[0],
    compression: compressionOf(name, options.compression, pack),
  };
}

/** Returns the path of a folder beside a temporary file that is removed together with it. */
function scratchBeside(destination: string): string {
  const name = basename(destination);
  const final = isTemporaryName(name) ? name.slice(1, -".01234567.part".length) : name;
  return temporaryBeside(join(dirname(destination), final));
}

async function packFile(path: string, pack: Pack, conversion: Conversion): Promise<void> {
  const { destination, reproducible, emit, signal } = conversion;
  const { size: total } = await stat(path);
  const meter = { task: "pack", label: `Compressing the image (${pack})`, total, emit };
  const input = metered(createReadStream(path), meter);
  await packStream(pack, input, { destination, reproducible, signal });
}

async function convert(options: CompactOptions, scratch: string, most: number): Promise<void> {
  const conversion = { ...complete(options), scratch };
  const format = formatNamed(options.format);
  await mkdir(scratch);
  if (options.pack === undefined) return format.convert(conversion, most);
  const unpacked = join(scratch, "image");
  const { extension } = packNamed(options.pack);
  const filename = conversion.filename.endsWith(extension)
    ? conversion.filename.slice(0, -extension.length)
    : conversion.filename;
  await format.convert({ ...conversion, filename, destination: unpacked }, most);
  await packFile(unpacked, options.pack, conversion);
}

/**
 * Converts a disk to a finished image under a temporary name. Emits `progress` events of the tasks
 * `compact`, in percent, and `archive`, `digest` and `pack`, in bytes. The file is not fsynced here,
 * so that it can first be hashed while it is in the page cache.
 * @throws {VmbuildError} ARTIFACT_SPACE when it does not fit, ARTIFACT_CONVERT with qemu-img's
 *   output on any other failure, the signal's reason when aborted. The destination is removed then.
 */
export async function compact(options: CompactOptions): Promise<CompactedImage> {
  const { source, signal } = options;
  return compactMeasured(options, () => measureDisk(source, signal));
}

/** @param measure returns the allocated bytes of the disk. */
async function compactMeasured(
  options: CompactOptions,
  measure: () => Promise<number>,
): Promise<CompactedImage> {
  const { source, destination, signal } = options;
  const scratch = scratchBeside(destination);
  try {
    const most = await measure();
    await requireRoom([{ ...options, ...complete(options) }], most);
    await convert(options, scratch, most);
    const { virtualSize } = await imageInfo(source, signal, "ARTIFACT_CONVERT");
    const format = formatNamed(options.format);
    return { size: (await stat(destination)).size, virtualSize: format.diskSize(virtualSize) };
  } catch (error) {
    await rm(destination, { force: true });
    signal.throwIfAborted();
    throw artifactError("ARTIFACT_CONVERT", `Cannot write ${destination}`, error);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * Converts one disk to several images, one after the other, when there is room for all of them.
 * @throws {VmbuildError} as {@link compact}. The destinations are removed then.
 */
export async function compactAll(images: readonly CompactOptions[]): Promise<CompactedImage[]> {
  const [first] = images;
  if (!first) return [];
  const completed = images.map((image) => ({ ...image, ...complete(image) }));
  const allocated = await measureDisk(first.source, first.signal);
  await requireRoom(completed, allocated);
  const done: CompactedImage[] = [];
  try {
    for (const image of images) done.push(await compactMeasured(image, async () => allocated));
    return done;
  } catch (error) {
    await Promise.all(images.map(({ destination }) => rm(destination, { force: true })));
    throw error;
  }
}
