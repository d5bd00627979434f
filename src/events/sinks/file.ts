/** Writes events.ndjson in a run's folder. */
import { createLineFile } from "../../host/line-file.js";
import type { Sink } from "../types.js";
import { atExit } from "./atexit.js";
import { encodeJsonLine } from "./ndjson.js";

/**
 * Appends each event as one line of JSON to a file of mode 0600. Output events are written
 * synchronously in batches, so that memory is bounded and order is preserved. Other events are
 * written at once, so that the file of a killed run is complete.
 * @param onError called once when the file can no longer be written; later events are dropped.
 * @throws the system's error when the file cannot be opened.
 */
export function createFileSink(path: string, onError: (error: unknown) => void = () => {}): Sink {
  // The bus has already masked the secrets.
  const file = createLineFile(path, (line) => line, onError);
  const cancelAtExit = atExit(() => file.flush());
  return {
    handle(event) {
      if (event.type === "output.state") return;
      file.write(encodeJsonLine(event));
      if (event.type !== "output" && event.type !== "progress") file.flush();
    },
    close() {
      file.close();
      cancelAtExit();
    },
  };
}
