/** Writes one JSON object per line, for programs (`--log-format json`). */
import type { Writable } from "node:stream";
import { EVENT_VERSION } from "../types.js";
import type { RunEvent, Sink } from "../types.js";
import { LineWriter } from "./writer.js";

/**
 * DEL, C1 controls and line separators are legal in JSON, but terminals and tools interpret them.
 */
const UNSAFE = /[\u007f-\u009f\u2028\u2029]/g;

/** Encodes a value as one line of JSON without characters that a terminal interprets. */
export function encodeJsonLine(value: unknown): string {
  const json = JSON.stringify(value);
  if (json.search(UNSAFE) === -1) return json;
  return json.replace(
    UNSAFE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Writes each event as one line of JSON to a stream, which stays open. */
export function createNdjsonSink(stream: Writable): Sink {
  let last: RunEvent | undefined;
  const noticeOf = (leftOut: number): string =>
    encodeJsonLine({
      v: EVENT_VERSION,
      time: last?.time,
      build: last?.build,
      type: "note",
      message: `${leftOut} lines of output were omitted: the reader was too slow`,
    });
  const writer = new LineWriter(stream, noticeOf);
  return {
    handle(event) {
      if (event.type === "output.state") return;
      last = event;
      writer.write(encodeJsonLine(event), event.type === "output");
      if (event.type !== "output") writer.flush();
    },
    close: () => writer.close(),
  };
}
