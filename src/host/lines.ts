/** Splits bytes into lines: safe for UTF-8 across chunks, and in bounded memory. */
import { StringDecoder } from "node:string_decoder";

/** Longer lines are split into pieces of at most this many characters. */
const MAX_LINE_LENGTH = 16 * 1024;
/** Words of up to this many characters are not split. */
const MAX_WORD_LENGTH = 4 * 1024;

/** Returns the rest of each line that begins with the mark and a space. */
export function markedLines(lines: readonly string[], mark: string): string[] {
  const start = `${mark} `;
  return lines.flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []));
}

/**
 * Splits a byte stream into lines. `\n`, `\r\n` and a lone `\r` (progress bars) all end a line.
 * Call `end()` once to get a last line without an ending.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: (line: string) => void;
  #rest = "";

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  /** Consumes a chunk and calls back once for every line that it completes. */
  write(chunk: Buffer): void {
    this.#take(this.#decoder.write(chunk));
  }

  /** Emits the remaining text as a line. */
  end(): void {
    this.#take(this.#decoder.end());
    const last = this.#rest.endsWith("\r") ? this.#rest.slice(0, -1) : this.#rest;
    this.#rest = "";
    if (last !== "") this.#onLine(last);
  }

  #take(text: string): void {
    const lines = (this.#rest + text).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#emit(line);
    this.#rest = this.#emitPieces(this.#rest);
  }

  #emit(line: string): void {
    this.#onLine(this.#emitPieces(line));
  }

  /** Emits pieces of a text that is too long for one line, and returns the rest. */
  #emitPieces(text: string): string {
    let rest = text;
    while (rest.length > MAX_LINE_LENGTH) {
      const cut = cutPosition(rest);
      this.#onLine(rest.slice(0, cut));
      rest = rest.slice(cut);
    }
    return rest;
  }
}

/**
 * Returns the position at which to split a long line: at a space near the limit, so that a word
 * stays whole (it may be a secret that is masked later), and never inside a surrogate pair.
 */
function cutPosition(text: string): number {
  const space = text.lastIndexOf(" ", MAX_LINE_LENGTH - 1);
  if (space > MAX_LINE_LENGTH - MAX_WORD_LENGTH) return space + 1;
  const last = text.charCodeAt(MAX_LINE_LENGTH - 1);
  return last >= 0xd800 && last <= 0xdbff ? MAX_LINE_LENGTH - 1 : MAX_LINE_LENGTH;
}

/** Keeps the last lines of a long output. */
export class Tail {
  readonly #limit: number;
  #lines: string[] = [];

  constructor(limit = 20) {
    this.#limit = limit;
  }

  push(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > 2 * this.#limit) this.#lines = this.#lines.slice(-this.#limit);
  }

  /** Returns at most `limit` lines, oldest first. */
  get lines(): string[] {
    return this.#lines.slice(-this.#limit);
  }
}
