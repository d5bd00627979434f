/** Parts of files: what lies at a place. */
import type { FileHandle } from "node:fs/promises";

/**
 * So many bytes of a file's beginning show its kind: a superblock of Btrfs begins at 64 KiB, one
 * of UFS2 a little later.
 */
export const HEAD_BYTES = 72 * 1024;

/** Reads `length` bytes at `position`, or what there is of them. */
export async function readAt(
  handle: FileHandle,
  position: number,
  length: number,
): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await handle.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
