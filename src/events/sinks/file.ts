/** events.ndjson in a run's folder. */
import { closeSync, openSync, writeSync } from "node:fs";
import type { Sink } from "../types.js";
import { atExit } from "./atexit.js";
import { encodeJsonLine } from "./ndjson.js";

const BATCH_CHARACTERS = 64 * 1024;
const FLUSH_AFTER_MS = 200;

/**
 * Appends each event as one line of JSON to a file of mode 0600. Output is gathered into batches
 * that are written synchronously: memory stays bounded whatever a step prints, and order is kept.
 * Other events are written at once, so that a killed run has its story on disk.
 * @param onError told once when the file cannot be written any more; later events are dropped.
 * @throws the system's error when the file cannot be opened.
 */
export function createFileSink(path: string, onError: (error: unknown) => void = () => {}): Sink {
  let descriptor: number | undefined = openSync(path, "a", 0o600);
  let batch = "";
  let timer: NodeJS.Timeout | undefined;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (descriptor === undefined || batch === "") return;
    const bytes = Buffer.from(batch, "utf8");
    batch = "";
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    } catch (error) {
      // A full disk ends the log, not the build.
      letGo();
      onError(error);
    }
  };
  const letGo = (): void => {
    cancelAtExit();
    if (descriptor !== undefined) closeSync(descriptor);
    descriptor = undefined;
  };
  const cancelAtExit = atExit(flush);

  return {
    handle(event) {
      if (descriptor === undefined) return;
      batch += `${encodeJsonLine(event)}\n`;
      if (event.type !== "output" && event.type !== "progress") flush();
      else if (batch.length >= BATCH_CHARACTERS) flush();
      else timer ??= setTimeout(flush, FLUSH_AFTER_MS).unref();
    },
    close() {
      flush();
      letGo();
    },
  };
}
