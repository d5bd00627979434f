/**
 * Manages the terminal as two parts: permanent lines, and below them a live area that is redrawn.
 */
import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { createLogUpdate } from "log-update";
import { atExit } from "./atexit.js";
import { displayWidth } from "./text.js";

/** Stream that may know the terminal's size and emit an event when it changes. */
export type TerminalStream = Writable & { readonly columns?: number; readonly rows?: number };

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";

/** Writes permanent lines above a live area. Each change is one write, so that nothing flickers. */
export class Screen {
  readonly #stream: TerminalStream;
  readonly #fallbackColumns: number;
  readonly #buffer: Writable & { columns: number; rows: number };
  readonly #live: ReturnType<typeof createLogUpdate>;
  readonly #cancelAtExit: () => void;
  readonly #onError = (): void => {
    // The terminal is gone (EIO, EPIPE).
    this.#gone = true;
  };
  #pending = "";
  #drawn: readonly string[] = [];
  #gone = false;
  #cursorHidden = false;

  constructor(stream: TerminalStream, fallbackColumns: number) {
    this.#stream = stream;
    this.#fallbackColumns = fallbackColumns;
    const collect = (text: string): void => {
      this.#pending += text;
    };
    const buffer = new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, callback) {
        collect(chunk);
        callback();
      },
    });
    this.#buffer = Object.assign(buffer, { columns: 80, rows: 24 });
    // By default log-update hides the cursor of process.stderr and handles signals to show it
    // again.
    this.#live = createLogUpdate(this.#buffer, { showCursor: true });
    stream.on("error", this.#onError);
    this.#cancelAtExit = atExit(() => this.#showCursor());
  }

  get columns(): number {
    return Math.max(20, this.#stream.columns ?? this.#fallbackColumns);
  }

  /** Redraws the live area. */
  draw(lines: readonly string[]): void {
    if (lines.length === 0) return this.clear();
    this.#fit();
    // A live area higher than the terminal could not be erased again.
    const fitting = lines.slice(0, Math.max(1, (this.#stream.rows ?? 24) - 1));
    if (!this.#cursorHidden) this.#pending += HIDE_CURSOR;
    this.#cursorHidden = true;
    this.#live(fitting.join("\n"));
    this.#drawn = fitting;
    this.#send();
  }

  /** Prints lines above the live area. The next `draw` restores the live area in the same write. */
  print(lines: readonly string[]): void {
    this.#erase();
    this.#pending += `${lines.join("\n")}\n`;
    if (!this.#cursorHidden) this.#send();
  }

  /** Erases the live area and shows the cursor again. */
  clear(): void {
    this.#erase();
    this.#showCursor();
  }

  /**
   * Erases the live area after a resize. Terminals reflow their content, so the area may take more
   * rows than were drawn; its height is calculated for the new width.
   */
  eraseReflowed(): void {
    if (this.#drawn.length === 0) return;
    const { columns } = this;
    const rows = this.#drawn
      .map((line) => displayWidth(stripVTControlCharacters(line)))
      .reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    this.#pending += `\u001b[${rows}A\r\u001b[J`;
    this.#live.done();
    this.#drawn = [];
  }

  close(): void {
    this.clear();
    this.#cancelAtExit();
    this.#stream.off("error", this.#onError);
  }

  #erase(): void {
    if (this.#drawn.length === 0) return;
    this.#fit();
    this.#live.clear();
    this.#drawn = [];
  }

  #fit(): void {
    this.#buffer.columns = this.columns;
    this.#buffer.rows = this.#stream.rows ?? 24;
  }

  #showCursor(): void {
    if (this.#cursorHidden) this.#pending += SHOW_CURSOR;
    this.#cursorHidden = false;
    this.#send();
  }

  #send(): void {
    const text = this.#pending;
    this.#pending = "";
    if (text === "" || this.#gone || this.#stream.destroyed) return;
    this.#stream.write(text);
  }
}
