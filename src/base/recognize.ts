/** What a file has to be for a base, and the words for what it is instead. */
import { basename } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { recognizeFile } from "../inputs/content.js";
import type { Content } from "../inputs/content-kind.js";
import { findImageProblem } from "./integrity.js";
import type { Layer } from "./layer.js";
import { extentPaths, missingExtents } from "./vmdk.js";

/** A file that should be a base. */
export interface BaseFile {
  /** Absolute. */
  readonly path: string;
  /** The address, path or name by which the user knows it. */
  readonly origin: string;
  /** `sha256:<hex>`; computed where it is not known and wanted. */
  readonly digest?: string | undefined;
  /** Whether it is the user's own, so that it may be in several files of this host. */
  readonly isLocal: boolean;
}

/** A file that should be a base, and what it was recognised as. */
export interface RecognizedFile {
  readonly path: string;
  /** The subject of a message. */
  readonly what: string;
  readonly content: Content;
}

/** The error for a file that is no base. */
export function invalidBaseError(what: string, is: string, hint?: string): VmbuildError {
  return new VmbuildError("BASE_INVALID", `${what} ${is}`, {
    hint:
      hint ??
      "Supported are qcow2, raw, VMDK, VHD, VHDX and VDI images, also compressed or in an archive.",
  });
}

/** Tells the kinds that need nothing done. */
export function isUsableAsIs(content: Content): boolean {
  return content.kind === "disk" || (content.kind === "image" && content.format === "qcow2");
}

/** Recognises a file of this host, with words for what the file system refuses. */
async function recognizeContent(path: string, what: string): Promise<Content> {
  try {
    return await recognizeFile(path);
  } catch (error) {
    if (systemCode(error) === "EISDIR") throw invalidBaseError(what, "is a folder");
    throw error;
  }
}

/** @throws {VmbuildError} BASE_INVALID for a qcow2 image or a disk that is cut short or encrypted. */
export async function requireIntactImage(layer: RecognizedFile): Promise<void> {
  const problem = await findImageProblem(layer.path, layer.content);
  if (problem) throw invalidBaseError(layer.what, problem.what, problem.hint);
}

/**
 * The files that a VMDK descriptor's data lies in; those known already for other images.
 * @param isLocal whether it may name files of this host.
 * @throws {VmbuildError} BASE_INVALID when they are not there, or may not be named.
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
 * Recognises a file that should be a base, and checks it as far as that needs no unpacking.
 * @throws {VmbuildError} BASE_INVALID for anything but a disk image, alone or packed; for an image
 *   that is cut short or encrypted; for a VMDK descriptor without its extents.
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

/** @throws {VmbuildError} BASE_INVALID for content that is neither a disk image nor packed. */
export function refuseOtherContent(content: Content, what: string): void {
  if (content.kind === "other") throw invalidBaseError(what, `is ${content.what}`, content.hint);
}
