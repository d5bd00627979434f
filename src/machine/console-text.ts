/** Waits for text on a guest's serial console. */
import type { FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError } from "../errors.js";
import { openIfThere } from "../host/files.js";
import { formatDuration } from "../host/format.js";
import { readConsoleTail } from "./console.js";
import { PlainText } from "./plain-text.js";

/** Time between two looks at the file. Milliseconds. */
const POLL_INTERVAL_MS = 100;
const CHUNK_BYTES = 64 * 1024;

/** Inputs of {@link waitForConsoleText}. */
export interface ConsoleTextOptions {
  /** File with the serial console. It may not exist yet. */
  readonly path: string;
  /** Text, or an expression that part of the text matches. A line ends in `\n`. */
  readonly pattern: string | RegExp;
  /** Position in the file from which the text counts, in bytes. */
  readonly from: number;
  readonly timeoutMs: number;
  /** Ends the wait; its reason is thrown. */
  readonly signal: AbortSignal;
}

/**
 * Waits until a text appears on the console. Control sequences and carriage returns are ignored.
 * @returns the position after the text in bytes, from which the next wait continues.
 * @throws {VmbuildError} BASE_INSTALL with the console's last lines when the time is over; the
 *   reason of the signal.
 */
export async function waitForConsoleText(options: ConsoleTextOptions): Promise<number> {
  const { path, pattern, from, timeoutMs, signal } = options;
  const deadline = performance.now() + timeoutMs;
  const text = new PlainText(from);
  let handle: FileHandle | undefined;
  try {
    for (;;) {
      handle ??= await openIfThere(path);
      const found = handle && (await searchNewText(handle, text, pattern));
      if (found !== undefined) return found;
      if (performance.now() >= deadline) throw await timeoutError(options);
      await delay(POLL_INTERVAL_MS, undefined, { signal });
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    await handle?.close();
  }
}

/** Reads what was appended to the file, and searches it together with the text before. */
async function searchNewText(
  handle: FileHandle,
  text: PlainText,
  pattern: string | RegExp,
): Promise<number | undefined> {
  for (;;) {
    const buffer = Buffer.alloc(CHUNK_BYTES);
    const { bytesRead } = await handle.read(buffer, 0, CHUNK_BYTES, text.position);
    if (bytesRead === 0) return undefined;
    text.append(buffer.subarray(0, bytesRead));
    const found = text.search(pattern);
    if (found !== undefined) return found;
  }
}

async function timeoutError({
  path,
  pattern,
  timeoutMs,
}: ConsoleTextOptions): Promise<VmbuildError> {
  const shown = typeof pattern === "string" ? JSON.stringify(pattern) : String(pattern);
  const message = `The console did not show ${shown} within ${formatDuration(timeoutMs)}`;
  const lines = await readConsoleTail(path);
  return new VmbuildError("BASE_INSTALL", message, { lines, details: { waitedFor: shown } });
}
