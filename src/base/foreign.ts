/** Converts images of other hypervisors to qcow2 with qemu-img. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { reportsDiskFull } from "../host/faults.js";
import { statIfThere } from "../host/files.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { RunResult } from "../host/programs.js";

/** Image to convert. */
export interface ForeignImage {
  /** Absolute. */
  readonly path: string;
  /** Name of the format in QEMU. */
  readonly format: string;
  /** Subject of a message about the image. */
  readonly what: string;
  /** Absolute paths of files beside the image that may contain its data. */
  readonly extents?: readonly string[];
}

const infoAnswer = z.object({
  "virtual-size": z.number(),
  "backing-filename": z.string().optional(),
  "full-backing-filename": z.string().optional(),
  "format-specific": z
    .object({
      data: z.object({ extents: z.array(z.object({ filename: z.string() })).default([]) }),
    })
    .optional()
    .catch(undefined),
});

const FOOTER_BYTES = 512;

function qemuImg(args: readonly string[], signal: AbortSignal): Promise<RunResult> {
  return runProgram("qemu-img", args, { signal, captureOutput: true, env: { LC_ALL: "C" } });
}

/** Escapes a path for QEMU's option lists, in which a comma ends a value. */
function escaped(path: string): string {
  return path.replaceAll(",", ",,");
}

/**
 * Returns the options with which qemu-img opens the image. A VHD's size is taken from its size
 * field: for some creators qemu-img uses the geometry instead, which cuts off the end of the disk.
 */
async function optionsOf({ path, format }: ForeignImage): Promise<string> {
  const file = `file.driver=file,file.filename=${escaped(path)}`;
  if (format !== "vpc") return `driver=${format},${file}`;
  const { isFixed, size } = await readVhdKind(path);
  if (isFixed) return `driver=raw,size=${size - FOOTER_BYTES},${file}`;
  return `driver=vpc,force_size_calc=current_size,${file}`;
}

/** Reads type and size of a VHD. A fixed one has only one footer, after the disk's data. */
async function readVhdKind(path: string): Promise<{ isFixed: boolean; size: number }> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    const head = Buffer.alloc(8);
    await handle.read(head, 0, 8, 0);
    return { isFixed: head.toString("latin1") !== "conectix", size };
  } finally {
    await handle.close();
  }
}

function conversionError(image: ForeignImage, doing: string, result: RunResult): VmbuildError {
  const full = reportsDiskFull(result.lastLines);
  const message = `${image.what} ${doing}: qemu-img: ${describeExit(result)}`;
  return new VmbuildError(full ? "HOST_SPACE" : "BASE_INVALID", message, {
    lines: result.lastLines,
    ...(full ? {} : { hint: "The file may be damaged or truncated; fetch it again." }),
  });
}

/** Checks that the image refers only to files that belong to it, and returns its virtual size. */
async function requireSelfContained(
  image: ForeignImage,
  options: string,
  signal: AbortSignal,
): Promise<number> {
  const result = await qemuImg(["info", "-U", "--output=json", "--image-opts", options], signal);
  if (result.exitCode !== 0) throw conversionError(image, "cannot be read", result);
  const answer = infoAnswer.parse(JSON.parse(result.stdout));
  const own = new Set([image.path, ...(image.extents ?? [])].map((path) => resolve(path)));
  const extents = answer["format-specific"]?.data.extents.map(({ filename }) => filename) ?? [];
  const backing = answer["full-backing-filename"] ?? answer["backing-filename"];
  const others = [
    ...extents.filter((path) => !own.has(resolve(path))),
    ...(backing ? [backing] : []),
  ];
  const [other] = others;
  if (other === undefined) return answer["virtual-size"];
  throw new VmbuildError("BASE_INVALID", `${image.what} refers to another file: ${other}`, {
    hint: "A base must not refer to other files; flatten it with qemu-img convert.",
  });
}

/**
 * Runs `qemu-img check` for formats that support it: data missing at the end would be read as
 * zeros.
 */
async function requireIntact(image: ForeignImage, options: string, signal: AbortSignal) {
  const result = await qemuImg(["check", "-U", "--image-opts", options], signal);
  // 0: no errors, 3: leaked clusters, 63: format not supported by the check (qemu-img's manual).
  if ([0, 3, 63].includes(result.exitCode ?? 1)) return;
  throw conversionError(image, "is damaged or truncated", result);
}

/**
 * Checks that an image is complete, as far as qemu-img can tell.
 * @returns its virtual size in bytes.
 * @throws {VmbuildError} BASE_INVALID, HOST_PROGRAM_MISSING.
 */
export async function checkForeign(image: ForeignImage, signal: AbortSignal): Promise<number> {
  const options = await optionsOf(image);
  const size = await requireSelfContained(image, options, signal);
  await requireIntact(image, options, signal);
  return size;
}

/**
 * Converts an image to an uncompressed qcow2 at `target`.
 * @throws {VmbuildError} BASE_INVALID, HOST_SPACE, HOST_PROGRAM_MISSING.
 */
export async function convertForeign(
  image: ForeignImage,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  await checkForeign(image, signal);
  const options = await optionsOf(image);
  const args = ["convert", "-U", "--image-opts", "-O", "qcow2", options, target];
  const result = await qemuImg(args, signal);
  if (result.exitCode !== 0)
    throw conversionError(image, "could not be converted to qcow2", result);
  if (!(await statIfThere(target))) throw conversionError(image, "could not be converted", result);
}
