/** Recognizes a base file, and describes files that cannot be a base. */
import { basename } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { recognizeFile } from "../inputs/content.js";
import type { Content } from "../inputs/content-kind.js";
import { findImageProblem } from "./integrity.js";
import type { Layer } from "./layer.js";
import { extentPaths, missingExtents } from "./vmdk.js";

/** File that is used as a base. */
export interface BaseFile {
  /** Absolute. */
  readonly path: string;
  /** Address, path or name by which the user knows the file. */
  readonly origin: string;
  /** `sha256:<hex>`; computed where it is needed but not known. */
  readonly digest?: string | undefined;
  /** True for a file that is the user's own and may refer to other files of this host. */
  readonly isLocal: boolean;
}

/** Base file and its recognized content. */
export interface RecognizedFile {
  readonly path: string;
  /** Subject of a message. */
  readonly what: string;
  readonly content: Content;
}

/** Returns the error for a file that cannot be a base. */
export function invalidBaseError(what: string, is: string, hint?: string): VmbuildError {
  return new VmbuildError("BASE_INVALID", `${what} ${is}`, {
    hint:
      hint ??
      "Supported are qcow2, raw, VMDK, VHD, VHDX and VDI images, also compressed or in an archive.",
  });
}

/** Returns whether the content needs no conversion. */
export function isUsableAsIs(content: Content): boolean {
  return content.kind === "disk" || (content.kind === "image" && content.format === "qcow2");
}

/** Recognizes the content of a file; a folder is an error. */
async function recognizeContent(path: string, what: string): Promise<Content> {
  try {
    return await recognizeFile(path);
  } catch (error) {
    if (systemCode(error) === "EISDIR") throw invalidBaseError(what, "is a folder");
    throw error;
  }
}

/**
 * Checks that a qcow2 image or raw disk is complete and not encrypted.
 * @throws {VmbuildError} BASE_INVALID.
 */
export async function requireIntactImage(layer: RecognizedFile): Promise<void> {
  const problem = await findImageProblem(layer.path, layer.content);
  if (problem) throw invalidBaseError(layer.what, problem.what, problem.hint);
}

/**
 * Returns the extents that a VMDK descriptor names; for other images, the known ones.
 * @param isLocal whether it may name files of this host.
 * @throws {VmbuildError} BASE_INVALID when they do not exist or must not be named.
 */
export async function extentsOf(
  layer: RecognizedFile & { readonly extents: readonly string[] },
  isLocal: boolean,
): Promise<readonly string[]> {
  if (layer.content.kind !== "descriptor") return layer.extents;
  const { text } = layer.content;
  const named = extentPaths(layer.path, text);
  if (!isLocal && layer.extents.length === 0) {
    const files = named.map((path) => basename(path)).join(", ") || "none that it names";
    throw invalidBaseError(
      layer.what,
      `is a VMDK descriptor without its extents: ${files}`,
      "Convert the disk to one file: qemu-img convert -O qcow2 DISK.vmdk base.qcow2",
    );
  }
  const missing = await missingExtents(layer.path, text);
  if (missing.length === 0) return named;
  throw invalidBaseError(
    layer.what,
    `is a VMDK descriptor without its extents: ${missing.join(", ")}`,
    "Put these files beside the descriptor, or use a monolithic image.",
  );
}

/** Returns QEMU's name of the format of an image that has to be converted. */
export function foreignFormat(content: Extract<Content, { kind: "image" | "descriptor" }>): string {
  return content.kind === "image" ? content.format : "vmdk";
}

/**
 * Recognizes a file that is used as a base, and checks it as far as possible without unpacking.
 * @throws {VmbuildError} BASE_INVALID for anything but a disk image, packed or not; for an image
 *   that is truncated or encrypted; for a VMDK descriptor without its extents.
 */
export async function recognizeBase(
  file: BaseFile,
): Promise<{ readonly layer: Layer; readonly extents: readonly string[] }> {
  const { path } = file;
  const what = `The base ${file.origin}`;
  const content = await recognizeContent(path, what);
  const layer = { path, name: basename(path), what, content, isTemporary: false, extents: [] };
  refuseOtherContent(content, what);
  if (isUsableAsIs(content)) await requireIntactImage(layer);
  return { layer, extents: await extentsOf(layer, file.isLocal) };
}

/**
 * Checks that content is a disk image or packed.
 * @throws {VmbuildError} BASE_INVALID.
 */
export function refuseOtherContent(content: Content, what: string): void {
  if (content.kind === "other") throw invalidBaseError(what, `is ${content.what}`, content.hint);
}
