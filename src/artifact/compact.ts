/** From a stopped machine's disk to one self-contained image, through `qemu-img convert`. */
import { rm, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { freeSpace } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import { Tail } from "../host/lines.js";
import { endOf, runProgram } from "../host/programs.js";
import { imageInfo } from "../machine/disk.js";
import { artifactError } from "./failures.js";

/** The formats of a finished image. */
export const IMAGE_FORMATS = ["qcow2", "raw"] as const;
/** One of {@link IMAGE_FORMATS}. */
export type ImageFormat = (typeof IMAGE_FORMATS)[number];

/** How clusters are compressed. zstd needs QEMU 5.1 or later to read; raw knows only none. */
export const COMPRESSIONS = ["zstd", "zlib", "none"] as const;
/** One of {@link COMPRESSIONS}. */
export type Compression = (typeof COMPRESSIONS)[number];

/** What to convert, and into what. */
export interface CompactOptions {
  /** The stopped machine's qcow2 disk. Backing files are merged, snapshots left behind. */
  readonly source: string;
  /** A temporary name, removed again on any failure; see {@link Staging}. */
  readonly destination: string;
  readonly format: ImageFormat;
  readonly compression: Compression;
  /** Two conversions of one disk come out equal, byte for byte. Takes about 1.6 times as long. */
  readonly reproducible: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** The finished image. Bytes. */
export interface CompactedImage {
  /** The file's length: what a download takes. */
  readonly size: number;
  /** What a guest sees. */
  readonly virtualSize: number;
}

/**
 * The argument list for qemu-img, without the program. Format options are qcow2's defaults, which
 * every consumer reads; only the compression type departs from them.
 */
export function convertArguments(
  options: Pick<
    CompactOptions,
    "source" | "destination" | "format" | "compression" | "reproducible"
  >,
): string[] {
  const { format, reproducible } = options;
  const compression = compressionOf(options);
  return [
    "convert",
    "-p",
    ...["-f", "qcow2", "-O", format],
    ...(compression === "none" ? [] : ["-c"]),
    ...(compression === "zstd" ? ["-o", "compression_type=zstd"] : []),
    // Out of order, clusters land wherever they happen to be ready. 16 at once is the most that
    // qemu-img takes; zlib is bound by its own four threads and gains nothing from them.
    ...(reproducible ? [] : ["-W"]),
    ...(reproducible || compression === "zlib" ? [] : ["-m", "16"]),
    resolve(options.source),
    resolve(options.destination),
  ];
}

/** raw has no compression, whatever was asked for. */
function compressionOf(options: Pick<CompactOptions, "format" | "compression">): Compression {
  return options.format === "raw" ? "none" : options.compression;
}

function describeFormat(options: CompactOptions): string {
  const compression = compressionOf(options);
  return compression === "none" ? options.format : `${options.format}, ${compression}`;
}

const measureAnswer = z.object({ required: z.number() });

/**
 * The most bytes that the conversion can take: every allocated cluster, uncompressed.
 * @throws {VmbuildError} ARTIFACT_CONVERT when the source cannot be read.
 */
async function measure(options: CompactOptions): Promise<number> {
  const { source, format, signal } = options;
  const args = ["measure", "--output=json", "-f", "qcow2", "-O", format, resolve(source)];
  const result = await runProgram("qemu-img", args, {
    signal,
    keepOutput: true,
    env: { LC_ALL: "C" },
  });
  if (result.exitCode === 0) return measureAnswer.parse(JSON.parse(result.stdout)).required;
  throw new VmbuildError("ARTIFACT_CONVERT", `qemu-img cannot read ${source}: ${endOf(result)}`, {
    lines: result.lastLines,
  });
}

/**
 * The share of the allocated bytes below which no disk is expected to shrink. File systems come
 * out at a third with zstd, and zeroes that the guest wrote take nothing; so only what is far out
 * of reach is refused beforehand, and the rest is left to the conversion itself.
 */
const SMALLEST_SHARE = { zstd: 1 / 20, zlib: 1 / 20, none: 1 / 2 } as const;

async function requireRoom(options: CompactOptions, most: number): Promise<void> {
  const least = Math.floor(most * SMALLEST_SHARE[compressionOf(options)]);
  const free = await freeSpace(options.destination);
  if (free >= least) return;
  const folder = dirname(options.destination);
  throw new VmbuildError(
    "ARTIFACT_SPACE",
    `the image needs at least ${formatBytes(least)} in ${folder}, where ${formatBytes(free)} are free`,
    { details: { folder, needed: least, free } },
  );
}

async function convert(options: CompactOptions, most: number): Promise<void> {
  const { destination, emit, signal } = options;
  const words = new Tail();
  const label = `Writing the image (${describeFormat(options)})`;
  let shown = -1;
  const result = await runProgram("qemu-img", convertArguments(options), {
    signal,
    env: { LC_ALL: "C" },
    onLine(line, stream) {
      const percent = /\((\d+)\.\d+\/100%\)/.exec(line)?.[1];
      if (stream === "stderr" || percent === undefined) return words.push(line);
      if (Number(percent) === shown) return;
      shown = Number(percent);
      emit({ type: "progress", task: "compact", label, done: shown, total: 100, unit: "percent" });
    },
  });
  if (result.exitCode === 0) return;
  const lines = words.lines.filter((line) => line.trim() !== "");
  const folder = dirname(destination);
  if (lines.some((line) => /No space left on device|Disk quota exceeded/.test(line))) {
    throw new VmbuildError(
      "ARTIFACT_SPACE",
      `the disk that holds ${folder} is full; the image takes at most ${formatBytes(most)}`,
      { lines: [...new Set(lines)].slice(-1), details: { folder, atMost: most } },
    );
  }
  throw new VmbuildError(
    "ARTIFACT_CONVERT",
    `qemu-img could not write the image to ${folder}: ${endOf(result)}`,
    { lines, details: { folder } },
  );
}

/**
 * Converts a disk to a finished image under a temporary name. Emits `progress` events of the
 * task `compact`, in percent. Nothing is fsynced here: hash the file first, while it is in memory.
 * @throws {VmbuildError} ARTIFACT_SPACE when it does not fit, ARTIFACT_CONVERT with qemu-img's
 *   words on any other failure, the signal's reason when aborted. The destination is gone then.
 */
export async function compact(options: CompactOptions): Promise<CompactedImage> {
  const { destination, signal } = options;
  try {
    const most = await measure(options);
    await requireRoom(options, most);
    await convert(options, most);
    const { virtualSize } = await imageInfo(destination, signal, "ARTIFACT_CONVERT");
    return { size: (await stat(destination)).size, virtualSize };
  } catch (error) {
    await rm(destination, { force: true });
    signal.throwIfAborted();
    throw artifactError("ARTIFACT_CONVERT", `cannot write ${destination}`, error);
  }
}
