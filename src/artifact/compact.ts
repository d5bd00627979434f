/** Converts the disk of a stopped machine to one self-contained image in the requested format. */
import { rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { VmbuildError } from "../errors.js";
import { freeSpace } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { imageInfo } from "../machine/disk.js";
import { artifactError } from "./failures.js";
import type { Conversion } from "./format.js";
import { formatNamed } from "./registry.js";
import type { Compression, ImageFormat } from "./registry.js";

export type { Compression, ImageFormat } from "./registry.js";

/** Options of a conversion. */
export interface CompactOptions extends Conversion<Compression> {
  readonly format: ImageFormat;
}

/** Finished image. Sizes are bytes. */
export interface CompactedImage {
  /** Length of the file, as it is downloaded. */
  readonly size: number;
  /** Size of the disk as a guest sees it. */
  readonly virtualSize: number;
}

/** Returns the compression for a format: its default when it does not support the requested one. */
export function compressionOf(format: ImageFormat, asked: Compression | undefined): Compression {
  const { compressions } = formatNamed(format);
  return asked !== undefined && compressions.includes(asked) ? asked : compressions[0];
}

/**
 * Smallest expected size in proportion to the allocated bytes. File systems compress to a third
 * with zstd, and zeros that the guest wrote take no space. Only conversions that clearly cannot fit
 * are refused in advance; the rest is left to the conversion itself.
 */
const SMALLEST_SHARE = { compressed: 1 / 20, plain: 1 / 2 } as const;

async function requireRoom({ destination, compression }: Conversion, most: number): Promise<void> {
  const share = SMALLEST_SHARE[compression === "none" ? "plain" : "compressed"];
  const least = Math.floor(most * share);
  const free = await freeSpace(destination);
  if (free >= least) return;
  const folder = dirname(destination);
  const [needed, there] = formatSizes(least, free);
  throw new VmbuildError(
    "ARTIFACT_SPACE",
    `The image needs at least ${needed} in ${folder}, where only ${there} are free`,
    { details: { folder, needed: least, free } },
  );
}

/**
 * Converts a disk to a finished image under a temporary name. Emits `progress` events of the task
 * `compact`, in percent. The file is not fsynced here, so that it can first be hashed while it is
 * in the page cache.
 * @throws {VmbuildError} ARTIFACT_SPACE when it does not fit, ARTIFACT_CONVERT with qemu-img's
 *   output on any other failure, the signal's reason when aborted. The destination is removed then.
 */
export async function compact(options: CompactOptions): Promise<CompactedImage> {
  const { source, destination, signal } = options;
  const format = formatNamed(options.format);
  const conversion = { ...options, compression: compressionOf(format.name, options.compression) };
  try {
    const most = await format.measure(conversion);
    await requireRoom(conversion, most);
    await format.convert(conversion, most);
    const { virtualSize } = await imageInfo(source, signal, "ARTIFACT_CONVERT");
    return { size: (await stat(destination)).size, virtualSize };
  } catch (error) {
    await rm(destination, { force: true });
    signal.throwIfAborted();
    throw artifactError("ARTIFACT_CONVERT", `Cannot write ${destination}`, error);
  }
}
