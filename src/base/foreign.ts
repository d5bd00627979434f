/** Images of other hypervisors' formats, converted to qcow2 by qemu-img. */
import { open } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { RunResult } from "../host/programs.js";

/** An image to convert. */
export interface ForeignImage {
  /** Absolute. */
  readonly path: string;
  /** QEMU's name of the format. */
  readonly format: string;
  /** The image, as the subject of a message. */
  readonly what: string;
  /** Files beside the image that may hold its data; absolute. */
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

/** A comma ends a value in QEMU's option lists; two of them are one. */
function escaped(path: string): string {
  return path.replaceAll(",", ",,");
}

/**
 * How qemu-img is to open the image. A VHD's size is taken from its own field: the geometry that
 * qemu-img goes by for some makers of VHDs cuts off the end of the disk.
 */
async function optionsOf({ path, format }: ForeignImage): Promise<string> {
  const file = `file.driver=file,file.filename=${escaped(path)}`;
  if (format !== "vpc") return `driver=${format},${file}`;
  const { isFixed, size } = await readVhdKind(path);
  if (isFixed) return `driver=raw,size=${size - FOOTER_BYTES},${file}`;
  return `driver=vpc,force_size_calc=current_size,${file}`;
}

/** A fixed VHD has its only footer at the end, behind the disk's bytes. */
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
  const full = result.lastLines.some((line) => /No space left|quota exceeded/i.test(line));
  const message = `${image.what} ${doing}: qemu-img: ${describeExit(result)}`;
  return new VmbuildError(full ? "HOST_SPACE" : "BASE_INVALID", message, {
    lines: result.lastLines,
    ...(full ? {} : { hint: "The file may be damaged or truncated; fetch it again." }),
  });
}

/** Requires that the image has all its data in files that belong to it. */
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

/** qemu-img's check of formats that have one; reads beyond the end would become zeros. */
async function requireIntact(image: ForeignImage, options: string, signal: AbortSignal) {
  const result = await qemuImg(["check", "-U", "--image-opts", options], signal);
  // 0: sound, 3: unused clusters, 63: nothing to check (qemu-img's manual).
  if ([0, 3, 63].includes(result.exitCode ?? 1)) return;
  throw conversionError(image, "is damaged or truncated", result);
}

/**
 * Checks that an image is whole, as far as qemu-img can tell.
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
