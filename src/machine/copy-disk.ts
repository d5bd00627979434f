/** Creates disks that are copies of images. */
import { chmod } from "node:fs/promises";
import { basename } from "node:path";
import type { Emit } from "../events/types.js";
import { flattenImage } from "./disk.js";
import { resizeDisk } from "./resize-disk.js";

/** Image that a disk is copied from. */
export interface DiskSource {
  /** Absolute. */
  readonly path: string;
  /** Name of the driver in QEMU. */
  readonly format: string;
  /** Bytes. */
  readonly virtualSize: number;
}

/** Destination of {@link copyToDisk}. */
interface CopyOptions {
  /** Absolute; an existing file is replaced. */
  readonly path: string;
  /** Virtual size of the disk in bytes, at least that of the image. */
  readonly size: number;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Creates a qcow2 disk with the content of an image, without a backing file and with mode 0600.
 * @throws {VmbuildError} BASE_INVALID with qemu-img's output, HOST_SPACE.
 */
export async function copyToDisk(image: DiskSource, options: CopyOptions): Promise<void> {
  const { path, size, emit, signal } = options;
  const label = `copy ${basename(image.path)} to the disk`;
  await flattenImage({
    source: image.path,
    format: image.format,
    destination: path,
    signal,
    onPercent: (done) =>
      emit({ type: "progress", task: "base", label, done, total: 100, unit: "percent" }),
  });
  await chmod(path, 0o600);
  if (size > image.virtualSize) await resizeDisk(path, size, signal);
}
