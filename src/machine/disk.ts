/** Inspects, creates and checks disk images with qemu-img. */
import { chmod, rename, rm } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { reportsDiskFull } from "../host/faults.js";
import { temporaryBeside } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { RunResult } from "../host/programs.js";

/** Snapshot of a machine inside a qcow2 image. */
export interface DiskSnapshot {
  readonly id: string;
  readonly tag: string;
  /** Size of the saved memory and devices in bytes; 0 for a snapshot of the disk alone. */
  readonly vmStateSize: number;
  readonly date: Date;
}

/** Properties of an image as reported by `qemu-img info`. Sizes are bytes. */
export interface ImageInfo {
  /** Format by the name of QEMU's driver: `qcow2`, `raw`, `vmdk`, … */
  readonly format: string;
  /** Size of the disk as the guest sees it. */
  readonly virtualSize: number;
  /** Space that the file takes on the host's disk; less than its length when it is sparse. */
  readonly fileSize: number;
  /** Backing file: absolute where the image records it so, otherwise as QEMU resolves it. */
  readonly backingFile?: string;
  /** Format that the image records for its backing file, by the name of QEMU's driver. */
  readonly backingFormat?: string;
  /** External file that holds the image's data (`data_file` of qcow2). */
  readonly dataFile?: string;
  /** Files that hold the data of a split image (vmdk), without the image itself. */
  readonly extents: readonly string[];
  readonly encrypted: boolean;
  readonly snapshots: readonly DiskSnapshot[];
}

/** Fields of `qemu-img info --output=json` (QEMU's qapi/block-core.json, ImageInfo). */
const infoAnswer = z.object({
  format: z.string(),
  "virtual-size": z.number(),
  "actual-size": z.number().default(0),
  "backing-filename": z.string().optional(),
  "full-backing-filename": z.string().optional(),
  "backing-filename-format": z.string().optional(),
  encrypted: z.boolean().default(false),
  "format-specific": z
    .object({
      data: z
        .object({
          "data-file": z.string().optional(),
          extents: z.array(z.object({ filename: z.string() })).default([]),
        })
        .optional(),
    })
    .optional(),
  snapshots: z
    .array(
      z.object({
        id: z.string(),
        name: z.string(),
        "vm-state-size": z.number(),
        "date-sec": z.number(),
      }),
    )
    .default([]),
});

/** Fields of `qemu-img check --output=json` (qapi/block-core.json, ImageCheck). */
const checkAnswer = z.object({
  "check-errors": z.number().default(0),
  corruptions: z.number().default(0),
  leaks: z.number().default(0),
});

/** Exit code of `qemu-img check` for a format that cannot be checked (qemu-img's manual). */
const CHECK_UNSUPPORTED = 63;

/**
 * Runs qemu-img. It takes a relative name with a colon for a protocol, so paths must be absolute.
 */
function run(args: readonly string[], signal: AbortSignal | undefined): Promise<RunResult> {
  return runProgram("qemu-img", args, { signal, captureOutput: true, env: { LC_ALL: "C" } });
}

function failure(code: ErrorCode, doing: string, result: RunResult): VmbuildError {
  const full = reportsDiskFull(result.lastLines);
  return new VmbuildError(
    full ? "HOST_SPACE" : code,
    `${doing}: qemu-img: ${describeExit(result)}`,
    {
      lines: result.lastLines,
    },
  );
}

/**
 * Reads the header of an image. Safe while a machine uses the image (`-U`).
 * @throws {VmbuildError} `code` (BASE_INVALID unless given) when it cannot be read as an image.
 */
export async function imageInfo(
  path: string,
  signal?: AbortSignal,
  code: ErrorCode = "BASE_INVALID",
): Promise<ImageInfo> {
  const result = await run(["info", "-U", "--output=json", resolve(path)], signal);
  if (result.exitCode !== 0) throw failure(code, `Cannot read the image ${path}`, result);
  return parseInfo(result.stdout, resolve(path));
}

/**
 * Reads the header of an image with QEMU's locks, as a machine about to use the image would.
 * @param name an absolute path, or QEMU's `json:` specification of an image.
 * @param format the driver to read it with; probed unless given.
 * @returns undefined while another program has it open for writing.
 * @throws {VmbuildError} BASE_INVALID when it cannot be read as an image.
 */
export async function imageInfoWithLocks(
  name: string,
  format: string | undefined,
  signal?: AbortSignal,
): Promise<ImageInfo | undefined> {
  const driver = format === undefined ? [] : ["-f", format];
  const result = await run(["info", ...driver, "--output=json", name], signal);
  if (result.exitCode === 0) return parseInfo(result.stdout, name);
  if (result.lastLines.some((line) => /Failed to get .*lock/.test(line))) return undefined;
  throw failure("BASE_INVALID", `Cannot read the image ${name}`, result);
}

function parseInfo(text: string, name: string): ImageInfo {
  const answer = infoAnswer.parse(JSON.parse(text));
  const backingFile = answer["full-backing-filename"] ?? answer["backing-filename"];
  const backingFormat = answer["backing-filename-format"];
  const { "data-file": dataFile, extents = [] } = answer["format-specific"]?.data ?? {};
  return {
    format: answer.format,
    virtualSize: answer["virtual-size"],
    fileSize: answer["actual-size"],
    ...(backingFile === undefined ? {} : { backingFile }),
    ...(backingFormat === undefined ? {} : { backingFormat }),
    ...(dataFile === undefined ? {} : { dataFile }),
    extents: extents.map(({ filename }) => filename).filter((file) => file !== name),
    // The format luks is encrypted by definition.
    encrypted: answer.encrypted || answer.format === "luks",
    snapshots: answer.snapshots.map((snapshot) => ({
      id: snapshot.id,
      tag: snapshot.name,
      vmStateSize: snapshot["vm-state-size"],
      date: new Date(snapshot["date-sec"] * 1000),
    })),
  };
}

/**
 * Merges an image and its backing files into one qcow2 file. An existing file is replaced.
 * @param onPercent called with each whole percentage.
 * @throws {VmbuildError} BASE_INVALID with qemu-img's output, HOST_SPACE.
 */
export async function flattenImage(options: {
  readonly source: string;
  readonly format: string;
  readonly destination: string;
  readonly signal: AbortSignal;
  readonly onPercent: (percent: number) => void;
}): Promise<void> {
  const { source, format, destination, signal, onPercent } = options;
  const args = [
    "convert",
    "-p",
    "-f",
    format,
    "-O",
    "qcow2",
    resolve(source),
    resolve(destination),
  ];
  let shown = -1;
  const result = await runProgram("qemu-img", args, {
    signal,
    env: { LC_ALL: "C" },
    onLine(line) {
      const percent = Number(/\((\d+)\.\d+\/100%\)/.exec(line)?.[1] ?? shown);
      if (percent !== shown) onPercent((shown = percent));
    },
  });
  if (result.exitCode !== 0) throw failure("BASE_INVALID", `Cannot convert ${source}`, result);
}

/**
 * Creates an empty qcow2 disk without a backing image, with mode 0600.
 * @param size virtual size in bytes.
 * @throws {VmbuildError} HOST_SPACE when the host's disk is full.
 */
export async function createDisk(path: string, size: number, signal?: AbortSignal): Promise<void> {
  const result = await run(["create", "-q", "-f", "qcow2", resolve(path), String(size)], signal);
  if (result.exitCode !== 0) throw failure("BASE_INVALID", `Cannot create a disk`, result);
  await chmod(path, 0o600);
}

/** Options of an overlay. */
export interface OverlayOptions {
  readonly path: string;
  /**
   * Backing image. It is recorded by its absolute path, which must not change afterwards, or by its
   * name alone when both files are in one folder, so that they can be moved together.
   */
  readonly backing: string;
  /**
   * Format of the backing image, which is recorded too: a guest could otherwise write a header to a
   * raw image that makes QEMU probe another format.
   */
  readonly backingFormat: string;
  /** Virtual size of the overlay in bytes; that of the backing image unless given. */
  readonly size?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Creates an empty qcow2 overlay on `backing`. An existing file is replaced.
 * @throws {VmbuildError} BASE_TOO_LARGE when `size` is smaller than the backing image;
 *   BASE_INVALID when that is not an image of the given format; HOST_SPACE when the disk is full.
 */
export async function createOverlay(options: OverlayOptions): Promise<void> {
  const { path, backing, backingFormat, size, signal } = options;
  const { virtualSize } = await imageInfo(backing, signal);
  if (size !== undefined && size < virtualSize) {
    const [own, needed] = formatSizes(size, virtualSize);
    throw new VmbuildError(
      "BASE_TOO_LARGE",
      `A disk of ${own} cannot hold ${backing}, which has ${needed}`,
      { details: { size, virtualSize, backing } },
    );
  }
  const temporary = temporaryBeside(resolve(path));
  const beside = dirname(resolve(backing)) === dirname(resolve(path));
  // A bare name that contains a colon would be read as a protocol.
  const isPlain = /^[\w.-]+$/.test(basename(backing));
  const recorded = beside && isPlain ? basename(backing) : resolve(backing);
  const args = ["create", "-q", "-f", "qcow2", "-F", backingFormat, "-b", recorded];
  try {
    const result = await run([...args, temporary, ...(size ? [String(size)] : [])], signal);
    if (result.exitCode !== 0) {
      throw failure("BASE_INVALID", `Cannot create an overlay on ${backing}`, result);
    }
    // The overlay may later hold snapshots, which contain the guest's memory.
    await chmod(temporary, 0o600);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** Result of `qemu-img check`. */
export interface ImageCheck {
  /** False for formats that cannot be checked, such as raw. */
  readonly checked: boolean;
  /** Number of corrupt places. */
  readonly corruptions: number;
  /** Number of clusters that are allocated but unused; they waste space and do no harm. */
  readonly leaks: number;
}

/**
 * Checks the structure of an image. No machine may be using it.
 * @throws {VmbuildError} `code` (BASE_INVALID unless given) when the check could not be run.
 */
export async function checkImage(
  path: string,
  signal?: AbortSignal,
  code: ErrorCode = "BASE_INVALID",
): Promise<ImageCheck> {
  const result = await run(["check", "--output=json", resolve(path)], signal);
  if (result.exitCode === CHECK_UNSUPPORTED) return { checked: false, corruptions: 0, leaks: 0 };
  // Exit codes 2 (corrupt) and 3 (leaks) come with a full answer, exit code 1 with none.
  if (result.exitCode === null || result.exitCode === 1 || !result.stdout.trim().startsWith("{")) {
    throw failure(code, `Cannot check the image ${path}`, result);
  }
  const answer = checkAnswer.parse(JSON.parse(result.stdout));
  return {
    checked: true,
    corruptions: answer.corruptions + answer["check-errors"],
    leaks: answer.leaks,
  };
}
