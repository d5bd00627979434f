/** Checks from their own tables that qcow2 images and raw disks are complete and not encrypted. */
import { open } from "node:fs/promises";
import type { Content } from "../inputs/content-kind.js";
import { lastClusterOffset, readQcow2Header } from "../inputs/qcow2-length.js";
import { neededBytes } from "../inputs/raw-disk.js";
import { statIfThere } from "../host/files.js";
import { formatBytes } from "../host/format.js";

/** Problem of an image. `what` follows the file's name in a message. */
export interface ImageProblem {
  readonly what: string;
  readonly hint?: string;
}

const TRUNCATED_HINT = "The download or copy is probably incomplete; fetch the image again.";

async function isEncrypted(path: string): Promise<boolean> {
  const handle = await open(path, "r");
  try {
    return ((await readQcow2Header(handle))?.encryption ?? 0) !== 0;
  } finally {
    await handle.close();
  }
}

async function qcow2Problem(path: string, size: number): Promise<ImageProblem | undefined> {
  if (await isEncrypted(path)) {
    return { what: "is an encrypted qcow2 image", hint: "Decrypt it first." };
  }
  const last = await lastClusterOffset(path);
  if (last === undefined || last < size) return undefined;
  const has = `the file has ${formatBytes(size)}`;
  const what =
    last === Number.MAX_SAFE_INTEGER
      ? `is truncated: ${has}, which is less than the header of a qcow2 image`
      : `is truncated: ${has}, but the image's tables refer to data at ${formatBytes(last)}`;
  return { what, hint: TRUNCATED_HINT };
}

/**
 * Checks an image in place; undefined if there is no problem. Formats other than qcow2 and raw are
 * checked when they are converted.
 */
export async function findImageProblem(
  path: string,
  content: Content,
): Promise<ImageProblem | undefined> {
  const size = Number((await statIfThere(path))?.size ?? 0);
  if (content.kind === "image" && content.format === "qcow2") return qcow2Problem(path, size);
  if (content.kind !== "disk") return undefined;
  const needed = await neededBytes(path);
  if (needed <= size) return undefined;
  const has = `the file has ${formatBytes(size)}`;
  return {
    what: `is truncated: ${has}, but the partitions or file system need ${formatBytes(needed)}`,
    hint: TRUNCATED_HINT,
  };
}
