/** Reads parts of files at a given offset. */
import type { FileHandle } from "node:fs/promises";

/**
 * Number of bytes at the beginning that are needed to recognize a file: a superblock of Btrfs
 * begins at 64 KiB, one of UFS2 slightly later.
 */
export const HEAD_BYTES = 72 * 1024;

/** Reads `length` bytes at `position`, or fewer at the end of the file. */
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
