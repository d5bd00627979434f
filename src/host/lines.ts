/** Splits bytes into lines: safe for UTF-8 across chunks, and in bounded memory. */
import { StringDecoder } from "node:string_decoder";
import { stripVTControlCharacters } from "node:util";

/** Longer lines are split into pieces of at most this many characters. */
const MAX_LINE_LENGTH = 16 * 1024;
/** Words of up to this many characters are not split. */
const MAX_WORD_LENGTH = 4 * 1024;

/** Returns the rest of each line that begins with the mark and a space. */
export function markedLines(lines: readonly string[], mark: string): string[] {
  const start = `${mark} `;
  return lines.flatMap((line) => (line.startsWith(start) ? [line.slice(start.length)] : []));
}

/** Receives a line, without its ending. */
type TakeLine = (line: string) => void;

/**
 * Splits a byte stream into lines. `\n` and `\r\n` end a line. A lone `\r` ends a line too, unless
 * states are asked for: as on a terminal, the text after it then replaces the text before it, which
 * is how programs draw progress bars, and the line is the last state that can be seen. Bytes that
 * are not UTF-8 become U+FFFD. Call `end()` once to get a last line without an ending.
 */
export class LineSplitter {
  readonly #decoder = new StringDecoder("utf8");
  readonly #onLine: TakeLine;
  readonly #onState: TakeLine | undefined;
  #rest = "";
  /** Last state of the current line, up to its last `\r`. */
  #state = "";

  /** @param onState called with each state of a line that `\r` ends, except its last. */
  constructor(onLine: TakeLine, onState?: TakeLine) {
    this.#onLine = onLine;
    this.#onState = onState;
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
    const line = this.#lastState(last);
    if (line !== "") this.#onLine(line);
  }

  #take(text: string): void {
    const all = this.#rest + text;
    const lines = all.split(this.#onState ? /\r*\n/ : /\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#onLine(this.#emitPieces(this.#lastState(line)));
    if (this.#onState) this.#rest = this.#keepStates(this.#rest, this.#onState);
    this.#rest = this.#emitPieces(this.#rest);
  }

  /** Returns the last state of a line that can be seen, and begins the next line. */
  #lastState(line: string): string {
    const states = this.#onState ? line.split("\r") : [line];
    const seen = states.findLast(isVisible) ?? (this.#state || (states.at(-1) ?? ""));
    this.#state = "";
    return seen;
  }

  /** Reports the states of an unfinished line that `\r` ended, and returns its rest. */
  #keepStates(text: string, onState: TakeLine): string {
    // A `\r` at the end may be part of the line's ending.
    const at = text.replace(/\r+$/, "").lastIndexOf("\r");
    if (at === -1) return text;
    const state = text.slice(0, at).split("\r").findLast(isVisible);
    if (state !== undefined) onState((this.#state = this.#emitPieces(state)));
    return text.slice(at + 1);
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

/** Returns whether a terminal would show anything of a text. */
const isVisible = (text: string): boolean => stripVTControlCharacters(text).trim() !== "";

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
