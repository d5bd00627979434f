/** Reads images that a build starts from, and compares their size with that of the disk. */
import { VmbuildError } from "../errors.js";
import { formatSizes } from "../host/format.js";
import { readImageFiles } from "./image-files.js";
import type { ImageFiles } from "./image-files.js";

/**
 * Reads the format and size of a base.
 * @throws {VmbuildError} BASE_INVALID when no build can start from it; see {@link
 *   readImageFiles}.
 */
export async function readBaseImage(
  path: string,
  options: Parameters<typeof readImageFiles>[1],
): Promise<ImageFiles> {
  const image = await readImageFiles(path, options);
  if (image.format === "qcow2" || image.format === "raw") return image;
  throw new VmbuildError(
    "BASE_INVALID",
    `The base ${path} has the unsupported format ${image.format}`,
    {
      hint: `Supported formats are qcow2 and raw; convert it: qemu-img convert -O qcow2 ${path} base.qcow2`,
    },
  );
}

/**
 * Checks that the template's disk can hold the base. Sizes are bytes.
 * @throws {VmbuildError} BASE_TOO_LARGE.
 */
export function requireFit(
  base: { readonly virtualSize: number; readonly origin: string },
  disk: number,
): void {
  if (disk >= base.virtualSize) return;
  const [own, needed] = formatSizes(disk, base.virtualSize);
  throw new VmbuildError(
    "BASE_TOO_LARGE",
    `machine.disk is ${own}, but the base ${base.origin} has ${needed}`,
    { details: { disk, base: base.virtualSize } },
  );
}
