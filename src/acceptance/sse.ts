/** Server-sent events from a byte stream, with the time at which each was complete. */
import { createParser } from "eventsource-parser";
import type { EventSourceParser } from "eventsource-parser";

/** One event, with when its last byte came (`performance.now()`, milliseconds). */
export interface ServerEvent {
  /** `message` unless the server says another. */
  readonly type: string;
  readonly data: string;
  readonly at: number;
}

/** Parses bytes into events. An event that the end of the stream cuts off is not reported. */
export class EventParser {
  // Drops a byte order mark at the start, as the standard requires.
  readonly #decoder = new TextDecoder();
  readonly #parser: EventSourceParser;
  #now = 0;
  #complete: ServerEvent[] = [];

  constructor() {
    this.#parser = createParser({
      onEvent: ({ event = "message", data }) => {
        this.#complete.push({ type: event, data, at: this.#now });
      },
    });
  }

  /** Returns the events that a chunk completes. */
  write(chunk: Buffer, now: number): ServerEvent[] {
    this.#now = now;
    this.#complete = [];
    this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
    return this.#complete;
  }
}
