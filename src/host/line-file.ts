/**
 * Writes a log file of lines in batches, so that memory use is bounded however much a step prints.
 */
import { closeSync, openSync, writeSync } from "node:fs";

/** Open log file. */
export interface LineFile {
  readonly path: string;
  write(line: string): void;
  /** Writes buffered lines now. */
  flush(): void;
  /** Writes buffered lines and closes the file. Idempotent. */
  close(): void;
}

const BATCH_CHARACTERS = 64 * 1024;
const FLUSH_AFTER_MS = 200;

/**
 * Opens a log for appending, with mode 0600.
 * @param mask applied to each line before it is written.
 * @param onError called once when the file can no longer be written; later lines are dropped.
 */
export function createLineFile(
  path: string,
  mask: (line: string) => string,
  onError: (error: unknown) => void = () => {},
): LineFile {
  let descriptor: number | undefined = openSync(path, "a", 0o600);
  let batch = "";
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (descriptor === undefined || batch === "") return;
    const bytes = Buffer.from(batch);
    batch = "";
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    } catch (error) {
      // A full disk ends the log, but not the step.
      closeSync(descriptor);
      descriptor = undefined;
      onError(error);
    }
  };
  return {
    path,
    flush,
    write(line) {
      if (descriptor === undefined) return;
      batch += `${mask(line)}\n`;
      if (batch.length >= BATCH_CHARACTERS) flush();
      else timer ??= setTimeout(flush, FLUSH_AFTER_MS).unref();
    },
    close() {
      flush();
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}
