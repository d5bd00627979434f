/** Captures a machine's screen and compares captures. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { makePrivateFolder, temporaryBeside } from "../host/files.js";
import type { RunningMachine } from "./running-machine.js";

/** Picture of a screen. */
export interface Screen {
  readonly width: number;
  readonly height: number;
  /** Three bytes for each pixel (red, green, blue), in rows from the top. */
  readonly pixels: Buffer;
}

/** Part of a running machine that captures need. */
export type ScreenSource = Pick<RunningMachine, "qmp">;

/**
 * Parses a PPM file of the kind that QEMU writes: P6 with 8 bits for each color.
 * @throws {VmbuildError} MACHINE_QMP when it is not one.
 */
export function parsePpm(file: Buffer): Screen {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(file.toString("latin1", 0, 64));
  const [width, height] = [Number(header?.[1]), Number(header?.[2])];
  const pixels = file.subarray(header?.[0].length ?? 0);
  if (!header || pixels.length !== width * height * 3) {
    throw new VmbuildError("MACHINE_QMP", "QEMU did not write the screen as a PPM file");
  }
  return { width, height, pixels };
}

/** Returns whether QEMU refused a capture because the machine has no graphics card. */
function hasNoScreen(error: unknown): boolean {
  return (
    error instanceof VmbuildError &&
    error.code === "MACHINE_QMP" &&
    error.message.includes("There is no console to take a screendump from")
  );
}

/**
 * Captures the screen (`screendump` in PPM, which needs no PNG library in QEMU).
 * @param folder private folder for a temporary file; it is created if missing.
 * @throws {VmbuildError} USAGE when the machine has no screen; MACHINE_QMP when QEMU has exited.
 */
export async function captureScreen(machine: ScreenSource, folder: string): Promise<Screen> {
  await makePrivateFolder(folder);
  const filename = temporaryBeside(join(folder, "screen.ppm"));
  try {
    await machine.qmp.execute("screendump", { filename });
    return parsePpm(await readFile(filename));
  } catch (cause) {
    if (!hasNoScreen(cause)) throw cause;
    throw new VmbuildError("USAGE", "The machine has no screen", {
      cause,
      hint: "Its serial console is shown by `vmbuild logs NAME --console`.",
    });
  } finally {
    await rm(filename, { force: true });
  }
}

/** Counts the pixels that differ. All pixels differ where the sizes do. */
export function differingPixels(one: Screen, other: Screen): number {
  if (one.width !== other.width || one.height !== other.height) {
    return Math.max(one.width * one.height, other.width * other.height);
  }
  const [left, right] = [one.pixels, other.pixels];
  let count = 0;
  for (let at = 0; at < left.length; at += 3) {
    if (left[at] === right[at] && left[at + 1] === right[at + 1] && left[at + 2] === right[at + 2])
      continue;
    count++;
  }
  return count;
}

/** Returns whether all pixels have the same color, as before the firmware has started. */
export function isBlank({ pixels }: Screen): boolean {
  return pixels.length <= 3 || pixels.subarray(3).equals(pixels.subarray(0, -3));
}

/** Rows in which QEMU's placeholder has its line of text (ui/console.c, a font of 8×16 pixels). */
const PLACEHOLDER = { width: 640, height: 480, from: 224, to: 272 } as const;

/**
 * Returns whether this is the picture that QEMU shows until the guest has initialized the display:
 * one line of text in the middle of a black screen.
 */
export function isPlaceholder({ width, height, pixels }: Screen): boolean {
  if (width !== PLACEHOLDER.width || height !== PLACEHOLDER.height) return false;
  const row = width * 3;
  const isBlack = (part: Buffer): boolean => part.every((byte) => byte === 0);
  return (
    isBlack(pixels.subarray(0, PLACEHOLDER.from * row)) &&
    isBlack(pixels.subarray(PLACEHOLDER.to * row))
  );
}
