/** Reads and writes messages on a pair of streams: a line of JSON, then bytes where it says so. */
import type { Readable, Writable } from "node:stream";
import { VmbuildError } from "../errors.js";

/** Longest line. Events and lists of files are shorter. Bytes. */
const LONGEST_LINE = 256 * 2 ** 20;

const NEWLINE = 0x0a;

/** Reader of messages. Calls must not overlap. */
export class MessageReader {
  readonly #source: AsyncIterator<Buffer>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(stream: Readable) {
    this.#source = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  }

  /** Reads the next chunk; undefined at the end. A stream that breaks off has ended. */
  async #chunk(): Promise<Buffer | undefined> {
    if (this.#rest.length > 0) {
      const chunk = this.#rest;
      this.#rest = Buffer.alloc(0);
      return chunk;
    }
    try {
      const next = await this.#source.next();
      return next.done === true ? undefined : next.value;
    } catch {
      // The connection was lost, which the missing message tells.
      return undefined;
    }
  }

  /** Reads a line without its end; undefined at the end of the stream. */
  async line(): Promise<string | undefined> {
    const parts: Buffer[] = [];
    let length = 0;
    for (;;) {
      const chunk = await this.#chunk();
      if (chunk === undefined) return undefined;
      const end = chunk.indexOf(NEWLINE);
      parts.push(end === -1 ? chunk : chunk.subarray(0, end));
      if (end !== -1) {
        this.#rest = chunk.subarray(end + 1);
        return Buffer.concat(parts).toString("utf8");
      }
      length += chunk.length;
      if (length > LONGEST_LINE) throw new VmbuildError("DEFECT", "A message has no end");
    }
  }

  /** Yields the next bytes. Ends early at the end of the stream; the caller counts. */
  async *bytes(count: number): AsyncGenerator<Buffer> {
    let left = count;
    while (left > 0) {
      const chunk = await this.#chunk();
      if (chunk === undefined) return;
      const part = chunk.subarray(0, left);
      this.#rest = chunk.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }
}

/** Writes to a stream, and returns when the system has taken it. */
function writeAll(stream: Writable, data: Buffer | string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(data, (error) => (error ? reject(error) : resolve()));
  });
}

/** Writes a message, with the bytes that follow it. */
export async function writeMessage(
  stream: Writable,
  message: object,
  payload?: AsyncIterable<Buffer>,
): Promise<void> {
  await writeAll(stream, `${JSON.stringify(message)}\n`);
  if (payload) for await (const part of payload) await writeAll(stream, part);
}
