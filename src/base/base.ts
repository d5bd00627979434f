/** Provides the base image of a build, whatever its kind. */
import { VmbuildError } from "../errors.js";
import { formatSizes } from "../host/format.js";
import { ensureImage } from "./disk-image.js";
import { flatten } from "./flatten.js";
import type { UsedFile } from "./flatten.js";
import { readImageFiles } from "./image-files.js";
import type { ImageFiles } from "./image-files.js";
import type { BaseContext, FoundImage } from "./kind.js";
import { baseKindOf } from "./registry.js";
import type { BaseDefinition } from "./registry.js";

/** Base image on this host. */
export interface Base extends FoundImage {
  readonly format: string;
  /** Bytes. */
  readonly virtualSize: number;
  /** Other files that the image was merged from; empty for an image without backing files. */
  readonly otherFiles: readonly UsedFile[];
  /** Name of the kind. */
  readonly kind: string;
  /** Digest of the file that the image was unpacked or converted from, where it was. */
  readonly sourceDigest?: string;
}

/**
 * Fetches or creates the base, unpacks or converts it where needed, and reads its format and size.
 * A local image with backing files is merged into one image.
 * @throws {VmbuildError} codes of inputs; BASE_BOOTSTRAP; BASE_INVALID where it is not a disk
 *   image, or depends on other files of this host although its kind must not.
 */
export async function resolveBase(base: BaseDefinition, context: BaseContext): Promise<Base> {
  const kind = baseKindOf(base);
  const found = await kind.resolve(base, context);
  const file = { ...found, isLocal: kind.mayUseOtherFiles };
  const { isConverted, digest = found.digest, path } = await ensureImage(file, context);
  const mayUseOtherFiles = kind.mayUseOtherFiles && !isConverted;
  const read = await readBaseImage(path, { mayUseOtherFiles, signal: context.signal });
  const { format, virtualSize } = read;
  const isOther = found.digest !== undefined && found.digest !== digest;
  const source = isOther ? { sourceDigest: found.digest } : {};
  const image = { path, digest, kind: kind.name, format, virtualSize, otherFiles: [] };
  const whole: Base = { ...found, ...source, ...image };
  if (read.otherFiles.length === 0) return whole;
  const merged = await flatten(read, context);
  const [own, ...otherFiles] = merged.files;
  return { ...whole, path: merged.path, format: "qcow2", digest: own?.digest, otherFiles };
}

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
 * Checks that the template's disk can hold the base.
 * @throws {VmbuildError} BASE_TOO_LARGE.
 */
export function requireFit(base: Pick<Base, "virtualSize" | "origin">, disk: number): void {
  if (disk >= base.virtualSize) return;
  const [own, needed] = formatSizes(disk, base.virtualSize);
  throw new VmbuildError(
    "BASE_TOO_LARGE",
    `machine.disk is ${own}, but the base ${base.origin} has ${needed}`,
    { details: { disk, base: base.virtualSize } },
  );
}
