/** A log file of lines, written in batches: bounded memory whatever a step prints. */
import { closeSync, openSync, writeSync } from "node:fs";

/** A log that is open. */
export interface LineFile {
  readonly path: string;
  write(line: string): void;
  /** Writes what is left. Idempotent. */
  close(): void;
}

const BATCH_CHARACTERS = 64 * 1024;
const FLUSH_AFTER_MS = 200;

/**
 * Opens a log, 0600, for appending.
 * @param mask applied to each line before it is written.
 */
export function createLineFile(path: string, mask: (line: string) => string): LineFile {
  let descriptor: number | undefined = openSync(path, "a", 0o600);
  let batch = "";
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (descriptor === undefined || batch === "") return;
    const bytes = Buffer.from(batch);
    batch = "";
    for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
  };
  return {
    path,
    write(line) {
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
