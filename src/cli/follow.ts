/** Reads a file's lines, and those that are still being written. */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../errors.js";
import { LineSplitter } from "../host/lines.js";

/** How to read. */
export interface ReadOptions {
  /** Ends the reading; its reason is thrown. */
  readonly signal: AbortSignal;
  /** With it, reading goes on until this says that nothing more will come. */
  readonly isComplete?: () => Promise<boolean>;
}

const CHUNK_BYTES = 64 * 1024;
/** Between looks at a file that grows; and, so many looks apart, at whether it still can. */
const POLL_INTERVAL_MS = 200;
const POLLS_PER_CHECK = 5;

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, "r");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/**
 * Calls back for each line of a file; a file that is not there has none. With `isOver`, waits
 * for more lines, and for the file itself, until it says so.
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
      // What was written before it was over is read after that is known.
      await readOn();
      if (over) break;
      await delay(POLL_INTERVAL_MS, undefined, { signal });
    }
    splitter.end();
  } finally {
    await handle?.close();
  }
}
