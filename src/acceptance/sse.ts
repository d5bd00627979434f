/** Server-sent events out of a byte stream (WHATWG HTML, 9.2.6 "Interpreting an event stream"). */
import { StringDecoder } from "node:string_decoder";

/** One event, with when its last byte came (`performance.now()`, milliseconds). */
export interface ServerEvent {
  /** `message` unless the server says another. */
  readonly type: string;
  readonly data: string;
  readonly at: number;
}

/** Takes bytes, gives events. One that the stream's end cuts off is none, as the standard has it. */
export class EventParser {
  readonly #decoder = new StringDecoder("utf8");
  #rest = "";
  #isFirst = true;
  #data: string[] = [];
  #type = "";

  /** The events that a chunk completes. */
  write(chunk: Buffer, now: number): ServerEvent[] {
    let text = this.#rest + this.#decoder.write(chunk);
    if (this.#isFirst && text !== "") {
      this.#isFirst = false;
      if (text.startsWith("\uFEFF")) text = text.slice(1);
    }
    // A CR at the end may be the first half of a CRLF.
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#take(line, now));
  }

  #take(line: string, at: number): ServerEvent[] {
    if (line === "") return this.#dispatch(at);
    const colon = line.indexOf(":");
    // A line that begins with a colon is a comment: many servers keep a connection alive by it.
    if (colon === 0) return [];
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "data") this.#data.push(value);
    if (field === "event") this.#type = value;
    return [];
  }

  #dispatch(at: number): ServerEvent[] {
    const [data, type] = [this.#data, this.#type];
    this.#data = [];
    this.#type = "";
    if (data.length === 0) return [];
    return [{ type: type === "" ? "message" : type, data: data.join("\n"), at }];
  }
}
