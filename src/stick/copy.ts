/** Copies a file into a part of another one, leaves out what is zero, and computes its checksums. */
import { createHash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { open } from "node:fs/promises";
import type { Algorithm } from "../artifact/digest.js";
import { writeAll } from "../host/files.js";

/** Bytes that are read at once. */
const CHUNK = 4 * 2 ** 20;
const ZERO = Buffer.alloc(CHUNK);

/** Part of a file. Bytes. */
export interface CopyRange {
  /** Offset in the file that is written, which has only zeros there. */
  readonly offset: number;
  /** Bytes to copy. */
  readonly size: number;
}

/** Progress and cancellation of a copy. */
export interface CopyContext {
  readonly signal: AbortSignal;
  /** Checksums to compute besides sha256. */
  readonly algorithms?: readonly Algorithm[];
  /** Called after each part with the bytes that are done. */
  readonly onProgress?: (done: number) => void;
}

/**
 * Copies the beginning of a file. What is zero becomes a hole.
 * @returns the checksums of what was copied in hexadecimal, and its size, which is smaller where
 *   the file is.
 * @throws the signal's reason; errors of the host.
 */
export async function copyInto(
  source: string,
  target: FileHandle,
  { offset, size }: CopyRange,
  { signal, algorithms = [], onProgress }: CopyContext,
): Promise<{ readonly digests: ReadonlyMap<Algorithm, string>; readonly size: number }> {
  const names = new Set<Algorithm>(["sha256", ...algorithms]);
  const hashes = [...names].map((name) => [name, createHash(name)] as const);
  const file = await open(source, "r");
  try {
    const buffer = Buffer.alloc(CHUNK);
    let done = 0;
    while (done < size) {
      signal.throwIfAborted();
      const { bytesRead } = await file.read(buffer, 0, Math.min(CHUNK, size - done), done);
      if (bytesRead === 0) break;
      const part = buffer.subarray(0, bytesRead);
      for (const [, hash] of hashes) hash.update(part);
      if (!part.equals(ZERO.subarray(0, bytesRead))) {
        await writeAll(target, part, offset + done);
      }
      done += bytesRead;
      onProgress?.(done);
    }
    return {
      digests: new Map(hashes.map(([name, hash]) => [name, hash.digest("hex")])),
      size: done,
    };
  } finally {
    await file.close();
  }
}
