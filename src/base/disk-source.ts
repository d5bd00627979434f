/** Reads an image from which a disk of the machine starts, beside the base. */
import { VmbuildError } from "../errors.js";
import { recognizeFile } from "../inputs/content.js";
import { readImageFiles } from "./image-files.js";
import type { ImageFiles } from "./image-files.js";

/**
 * Reads the format and size of an image. QEMU would take a compressed file for a raw disk.
 * @param path absolute.
 * @throws {VmbuildError} BASE_INVALID for a compressed file or an archive, and as
 *   {@link readImageFiles} for an image that is damaged, encrypted, in use, or refers to others.
 */
export async function readDiskSource(path: string, signal: AbortSignal): Promise<ImageFiles> {
  const content = await recognizeFile(path);
  if (content.kind === "compressed" || content.kind === "archive") {
    throw new VmbuildError("BASE_INVALID", `The image ${path} is ${content.what}`, {
      hint: "A further disk starts from an image that is not compressed; unpack it first.",
    });
  }
  return readImageFiles(path, { mayUseOtherFiles: false, signal });
}
