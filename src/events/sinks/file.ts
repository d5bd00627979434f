/** events.ndjson in a run's folder. */
import { createLineFile } from "../../host/line-file.js";
import type { Sink } from "../types.js";
import { atExit } from "./atexit.js";
import { encodeJsonLine } from "./ndjson.js";

/**
 * Appends each event as one line of JSON to a file of mode 0600. Output is gathered into batches
 * that are written synchronously: memory stays bounded whatever a step prints, and order is kept.
 * Other events are written at once, so that a killed run has its story on disk.
 * @param onError told once when the file cannot be written any more; later events are dropped.
 * @throws the system's error when the file cannot be opened.
 */
export function createFileSink(path: string, onError: (error: unknown) => void = () => {}): Sink {
  // The bus has masked what needs masking.
  const file = createLineFile(path, (line) => line, onError);
  const cancelAtExit = atExit(() => file.flush());
  return {
    handle(event) {
      file.write(encodeJsonLine(event));
      if (event.type !== "output" && event.type !== "progress") file.flush();
    },
    close() {
      file.close();
      cancelAtExit();
    },
  };
}
