/** Checks that images fit into their folder before they are written. */
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { freeSpace } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { Density, SizeSettings } from "./format.js";
import type { Pack } from "./packs.js";
import { formatNamed } from "./registry.js";
import type { ImageFormat } from "./registry.js";

/** Image that will be written. */
export interface PlannedImage extends SizeSettings {
  readonly destination: string;
  readonly format: ImageFormat;
  readonly pack?: Pack | undefined;
}

const measureAnswer = z.object({ required: z.number() });

/**
 * Returns the size of all allocated clusters of a qcow2 disk in bytes, without compression.
 * @throws {VmbuildError} ARTIFACT_CONVERT when the disk cannot be read.
 */
export async function measureDisk(source: string, signal: AbortSignal): Promise<number> {
  // qemu-img measures for qcow2 and raw only. A raw image is sparse, and takes as much space.
  const args = ["measure", "--output=json", "-f", "qcow2", "-O", "qcow2", resolve(source)];
  const options = { signal, captureOutput: true, env: { LC_ALL: "C" } };
  const result = await runProgram("qemu-img", args, options);
  if (result.exitCode === 0) return measureAnswer.parse(JSON.parse(result.stdout)).required;
  throw new VmbuildError(
    "ARTIFACT_CONVERT",
    `qemu-img cannot read ${source}: ${describeExit(result)}`,
    { lines: result.lastLines },
  );
}

/**
 * Smallest expected size in proportion to the allocated bytes. File systems compress to a third
 * with zstd, and zeros that the guest wrote take no space. Only conversions that clearly cannot fit
 * are refused in advance; the rest is left to the conversion itself.
 */
const SMALLEST_SHARE: Readonly<Record<Density, number>> = { compressed: 1 / 20, plain: 1 / 2 };

/** Returns the shares of an image's file and of the file that exists beside it meanwhile. */
function sharesOf({ format, pack, ...settings }: PlannedImage): { file: number; scratch: number } {
  const { file, scratch } = formatNamed(format).density(settings);
  const inside = scratch === undefined ? 0 : SMALLEST_SHARE[scratch];
  if (pack === undefined) return { file: SMALLEST_SHARE[file], scratch: inside };
  return { file: SMALLEST_SHARE.compressed, scratch: inside + SMALLEST_SHARE[file] };
}

/**
 * Returns the least space that images of one disk take while they are written in this order, in
 * proportion to the allocated bytes of the disk. Pure.
 */
export function leastShare(images: readonly PlannedImage[]): number {
  let written = 0;
  let most = 0;
  for (const image of images) {
    const { file, scratch } = sharesOf(image);
    written += file;
    most = Math.max(most, written + scratch);
  }
  return most;
}

/**
 * Requires room for images of one disk in their common folder.
 * @param allocated allocated bytes of the disk.
 * @throws {VmbuildError} ARTIFACT_SPACE.
 */
export async function requireRoom(
  images: readonly PlannedImage[],
  allocated: number,
): Promise<void> {
  const [first] = images;
  if (!first) return;
  const least = Math.floor(allocated * leastShare(images));
  const free = await freeSpace(first.destination);
  if (free >= least) return;
  const folder = dirname(first.destination);
  const [needed, there] = formatSizes(least, free);
  const what = images.length === 1 ? "The image needs" : `The ${images.length} images need`;
  throw new VmbuildError(
    "ARTIFACT_SPACE",
    `${what} at least ${needed} in ${folder}, where only ${there} are free`,
    { details: { folder, needed: least, free } },
  );
}
