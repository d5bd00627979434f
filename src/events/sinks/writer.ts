/** Lines to a stream: in batches, in bounded memory, and without ever failing. */
import type { Writable } from "node:stream";
import { atExit } from "./atexit.js";

const BATCH_CHARACTERS = 64 * 1024;
const FLUSH_AFTER_MS = 50;
/** A reader that lags this far behind (bytes in the stream's buffer) loses output lines. */
const BACKLOG_BYTES = 4 * 1024 * 1024;

/**
 * Writes lines to a stream that somebody may have closed (EPIPE is not an error here) or may read
 * too slowly. `cli/output.ts` makes stderr block; for streams that do not, lines that may be lost
 * are left out above a limit, and counted.
 */
export class LineWriter {
  readonly #stream: Writable;
  readonly #noticeOf: (leftOut: number) => string;
  readonly #cancelAtExit: () => void;
  readonly #onError = (): void => {
    // The reader is gone, which is its right; the build goes on without it.
    this.#gone = true;
    this.#batch = "";
  };
  #batch = "";
  #leftOut = 0;
  #gone = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  /** @param noticeOf the line that tells how many lines were left out. */
  constructor(stream: Writable, noticeOf: (leftOut: number) => string) {
    this.#stream = stream;
    this.#noticeOf = noticeOf;
    stream.on("error", this.#onError);
    this.#cancelAtExit = atExit(() => this.flush());
  }

  /** Takes one line without its ending. `mayBeLost` is for output, which the step's log has too. */
  write(line: string, mayBeLost = false): void {
    if (this.#gone || this.#closed) return;
    if (this.#stream.writableLength > BACKLOG_BYTES && mayBeLost) {
      this.#leftOut++;
      return;
    }
    if (this.#leftOut > 0) {
      this.#batch += `${this.#noticeOf(this.#leftOut)}\n`;
      this.#leftOut = 0;
    }
    this.#batch += `${line}\n`;
    if (this.#batch.length >= BATCH_CHARACTERS) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS).unref();
  }

  /** Hands everything to the stream now. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch === "" || this.#gone) return;
    const batch = this.#batch;
    this.#batch = "";
    if (!this.#stream.destroyed && this.#stream.writable) this.#stream.write(batch);
  }

  /** Flushes and waits until the stream has taken it all. The stream stays open. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#leftOut > 0) this.#batch += `${this.#noticeOf(this.#leftOut)}\n`;
    this.flush();
    this.#closed = true;
    this.#cancelAtExit();
    await this.#drained();
    this.#stream.off("error", this.#onError);
  }

  async #drained(): Promise<void> {
    const stream = this.#stream;
    if (this.#gone || stream.destroyed || !stream.writable || stream.writableLength === 0) return;
    await new Promise<void>((resolve) => {
      stream.once("error", () => resolve());
      stream.once("close", () => resolve());
      stream.write("", () => resolve());
    });
  }
}
