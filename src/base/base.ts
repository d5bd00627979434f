/** Provides the base image of a build, whatever its kind. */
import { readBaseImage } from "./base-image.js";
import { ensureImage } from "./disk-image.js";
import { flatten } from "./flatten.js";
import type { UsedFile } from "./flatten.js";
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
