/** Reads the lines of a file, and optionally those that are still being written. */
import type { FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { openIfThere } from "./files.js";
import { LineSplitter } from "./lines.js";

/** Options of reading. */
export interface ReadOptions {
  /** Ends the reading; its reason is thrown. */
  readonly signal: AbortSignal;
  /**
   * If given, reading continues until it resolves to true because no more lines will be written.
   */
  readonly isComplete?: () => Promise<boolean>;
}

const CHUNK_BYTES = 64 * 1024;
/** Interval between polls of a growing file, and number of polls between calls of `isComplete`. */
const POLL_INTERVAL_MS = 200;
const POLLS_PER_CHECK = 5;

/**
 * Calls back for each line of a file. A missing file has no lines. With `isComplete`, waits for
 * more lines, and for the file itself, until it resolves to true.
 */
export async function readLines(
  path: string,
  onLine: (line: string) => void,
  { signal, isComplete }: ReadOptions,
): Promise<void> {
  const splitter = new LineSplitter(onLine);
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let handle: FileHandle | undefined;
  const readOn = async (): Promise<void> => {
    handle ??= await openIfThere(path);
    for (;;) {
      signal.throwIfAborted();
      const { bytesRead } = (await handle?.read(buffer, 0, CHUNK_BYTES)) ?? { bytesRead: 0 };
      if (bytesRead === 0) return;
      splitter.write(buffer.subarray(0, bytesRead));
    }
  };
  const nothingMore = isComplete ?? (() => Promise.resolve(true));
  try {
    await readOn();
    for (let looks = 0; ; looks++) {
      const over = looks % POLLS_PER_CHECK === 0 && (await nothingMore());
      // Lines that were written just before completion are read after it is known.
      await readOn();
      if (over) break;
      await delay(POLL_INTERVAL_MS, undefined, { signal });
    }
    splitter.end();
  } finally {
    await handle?.close();
  }
}
