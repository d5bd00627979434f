/** Writes lines to a stream in batches and in bounded memory, and never fails. */
import type { Writable } from "node:stream";
import { atExit } from "./atexit.js";

const BATCH_CHARACTERS = 64 * 1024;
const FLUSH_AFTER_MS = 50;
/** Backlog in the stream's buffer, in bytes, above which output lines are dropped. */
const BACKLOG_BYTES = 4 * 1024 * 1024;

/**
 * Writes lines to a stream whose reader may close it (EPIPE is not an error here) or read too
 * slowly. `cli/output.ts` makes stderr block; for other streams, output lines above a limit are
 * dropped and counted.
 */
export class LineWriter {
  readonly #stream: Writable;
  readonly #noticeOf: (leftOut: number) => string;
  readonly #cancelAtExit: () => void;
  readonly #onError = (): void => {
    // The reader has closed the stream; the build continues without it.
    this.#gone = true;
    this.#batch = "";
  };
  #batch = "";
  #leftOut = 0;
  #gone = false;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  /**
   * Creates a writer.
   * @param noticeOf returns the line that reports how many lines were dropped.
   */
  constructor(stream: Writable, noticeOf: (leftOut: number) => string) {
    this.#stream = stream;
    this.#noticeOf = noticeOf;
    stream.on("error", this.#onError);
    this.#cancelAtExit = atExit(() => this.flush());
  }

  /**
   * Writes one line without its ending. `mayBeLost` is for output that the step's log contains too.
   */
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

  /** Passes all buffered lines to the stream. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch === "" || this.#gone) return;
    const batch = this.#batch;
    this.#batch = "";
    if (!this.#stream.destroyed && this.#stream.writable) this.#stream.write(batch);
  }

  /** Flushes and waits until the stream has written everything. The stream stays open. */
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
