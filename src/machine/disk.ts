/** Disk images through qemu-img: what one is, an overlay on one, and whether one is sound. */
import { chmod, rename, rm } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { temporaryBeside } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { endOf, runProgram } from "../host/programs.js";
import type { RunResult } from "../host/programs.js";

/** A state of a machine inside a qcow2 image. */
export interface DiskSnapshot {
  readonly id: string;
  readonly tag: string;
  /** Bytes of the machine's memory and devices; 0 for a snapshot of the disk alone. */
  readonly vmStateSize: number;
  readonly date: Date;
}

/** What `qemu-img info` tells of an image. Sizes are bytes. */
export interface ImageInfo {
  /** `qcow2`, `raw`, `vmdk`, … as QEMU names its drivers. */
  readonly format: string;
  /** What the guest sees. */
  readonly virtualSize: number;
  /** What the file takes on the host's disk; less than its length where it has holes. */
  readonly fileSize: number;
  /** Absolute where the image names it so, otherwise as QEMU resolves it. */
  readonly backingFile?: string;
  /** The format that the image records for its backing file, as QEMU names its drivers. */
  readonly backingFormat?: string;
  /** A file outside the image that holds its data (qcow2's `data_file`). */
  readonly dataFile?: string;
  /** The files that hold the data of an image in parts (vmdk), the image itself left out. */
  readonly extents: readonly string[];
  readonly encrypted: boolean;
  readonly snapshots: readonly DiskSnapshot[];
}

/** The fields of `qemu-img info --output=json` (QEMU's qapi/block-core.json, ImageInfo). */
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

/** The fields of `qemu-img check --output=json` (qapi/block-core.json, ImageCheck). */
const checkAnswer = z.object({
  "check-errors": z.number().default(0),
  corruptions: z.number().default(0),
  leaks: z.number().default(0),
});

/** `qemu-img check`: the format has nothing that could be checked (qemu-img's manual). */
const CHECK_UNSUPPORTED = 63;

/** qemu-img takes a relative name with a colon for a protocol; an absolute path is a path. */
function run(args: readonly string[], signal: AbortSignal | undefined): Promise<RunResult> {
  return runProgram("qemu-img", args, { signal, keepOutput: true, env: { LC_ALL: "C" } });
}

function failure(code: ErrorCode, doing: string, result: RunResult): VmbuildError {
  const full = result.lastLines.some((line) => /No space left|quota exceeded/i.test(line));
  return new VmbuildError(full ? "HOST_SPACE" : code, `${doing}: qemu-img: ${endOf(result)}`, {
    lines: result.lastLines,
  });
}

/**
 * Reads an image's header; safe while a machine uses the image (`-U`).
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
 * Reads an image's header as a machine would that is about to use it: with QEMU's locks.
 * @param name an absolute path, or QEMU's `json:` specification of an image.
 * @param format the driver to read it with; probed unless given.
 * @returns undefined while another program has it open for writing.
 * @throws {VmbuildError} BASE_INVALID when it cannot be read as an image.
 */
export async function unusedImageInfo(
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
    // An image of format luks is nothing but encrypted.
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
 * Converts an image with all that it lies on to one qcow2 file; an existing one is replaced.
 * @param onPercent called with whole percents as they are reached.
 * @throws {VmbuildError} BASE_INVALID with qemu-img's own lines, HOST_SPACE.
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

/** What an overlay is made of. */
export interface OverlayOptions {
  readonly path: string;
  /**
   * The image below it. Recorded by its absolute path, which must then stay; or by its name
   * alone where the two lie in one folder, so that they can be moved and copied together.
   */
  readonly backing: string;
  /** Recorded too: a probed raw image could pass itself off as another format. */
  readonly backingFormat: string;
  /** The overlay's virtual size in bytes; the backing image's own unless given. */
  readonly size?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Makes a qcow2 image that holds only what differs from `backing`; an existing one is replaced.
 * @throws {VmbuildError} BASE_TOO_LARGE when `size` would cut the backing image off, BASE_INVALID
 *   when that is no such image, HOST_SPACE when the disk is full.
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
  // A name alone that has a colon in it would be read as a protocol.
  const isPlain = /^[\w.-]+$/.test(basename(backing));
  const recorded = beside && isPlain ? basename(backing) : resolve(backing);
  const args = ["create", "-q", "-f", "qcow2", "-F", backingFormat, "-b", recorded];
  try {
    const result = await run([...args, temporary, ...(size ? [String(size)] : [])], signal);
    if (result.exitCode !== 0) {
      throw failure("BASE_INVALID", `Cannot create an overlay on ${backing}`, result);
    }
    // It may come to hold saved states, and those what a guest had in memory.
    await chmod(temporary, 0o600);
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** What `qemu-img check` found. */
export interface ImageCheck {
  /** False for formats that cannot be checked, such as raw; nothing is known then. */
  readonly checked: boolean;
  /** Places that would be read wrongly. */
  readonly corruptions: number;
  /** Clusters that are taken but unused: wasted space, no harm. */
  readonly leaks: number;
}

/**
 * Checks an image's own structure; no machine may be using it.
 * @throws {VmbuildError} `code` (BASE_INVALID unless given) when the check could not be made.
 */
export async function checkImage(
  path: string,
  signal?: AbortSignal,
  code: ErrorCode = "BASE_INVALID",
): Promise<ImageCheck> {
  const result = await run(["check", "--output=json", resolve(path)], signal);
  if (result.exitCode === CHECK_UNSUPPORTED) return { checked: false, corruptions: 0, leaks: 0 };
  // 2: corrupt, 3: leaks; both come with a full answer. 1: no answer.
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
