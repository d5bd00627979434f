/** Writes data to files at positions. Blocks of zeros become holes where nothing else is. */
import type { FileHandle } from "node:fs/promises";
import { writeAll } from "../host/files.js";

const ZEROS = Buffer.alloc(64 * 1024);

function isZero(data: Buffer): boolean {
  for (let at = 0; at < data.length; at += ZEROS.length) {
    const block = data.subarray(at, at + ZEROS.length);
    if (!block.equals(ZEROS.subarray(0, block.length))) return false;
  }
  return true;
}

/** Returns whether a range of a file reads as zeros, or is behind its end. */
async function isZeroThere(file: FileHandle, length: number, position: number): Promise<boolean> {
  const block = Buffer.allocUnsafe(Math.min(length, ZEROS.length));
  for (let at = 0; at < length;) {
    const wanted = Math.min(block.length, length - at);
    const { bytesRead } = await file.read(block, 0, wanted, position + at);
    if (bytesRead === 0) break;
    if (!isZero(block.subarray(0, bytesRead))) return false;
    at += bytesRead;
  }
  return true;
}

/**
 * Writes all bytes at a position of a file that is open for reading and writing. Zeros are not
 * written where the file has zeros, so that holes remain. Zeros behind the end do not extend it.
 */
export async function writeSparse(file: FileHandle, data: Buffer, position: number): Promise<void> {
  if (isZero(data) && (await isZeroThere(file, data.length, position))) return;
  await writeAll(file, data, position);
}
