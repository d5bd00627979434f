/** Waits for one of several texts on a machine's serial console. */
import type { FileHandle } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { findFatalLine } from "../../guest/readiness.js";
import { openIfThere } from "../../host/files.js";
import { readConsoleTail } from "../../machine/console.js";
import { PlainText } from "../../machine/plain-text.js";
import type { RunningMachine } from "../../machine/running-machine.js";

/** Time between two looks at the console. Milliseconds. */
const INTERVAL_MS = 200;
/** Time between two searches for fatal lines. Milliseconds. */
const FATAL_INTERVAL_MS = 2000;
const CHUNK_BYTES = 64 * 1024;

/** What a wait has seen: a text by its name, or why it cannot come any more. */
export type Seen<Name extends string> =
  | { readonly text: Name }
  | { readonly over: "timeout" | "ended" }
  | { readonly over: "fatal"; readonly line: string };

/** Options of {@link ConsoleWatch}. */
export interface WatchOptions {
  /** File with the serial console; it may not exist yet. */
  readonly path: string;
  readonly machine: Pick<RunningMachine, "ended">;
  /** Time limit of all waits together. Milliseconds. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Reader of a console that grows. Each wait continues after the text that the last one found. */
export class ConsoleWatch implements AsyncDisposable {
  readonly #options: WatchOptions;
  readonly #deadline: number;
  #text = new PlainText(0);
  #handle: FileHandle | undefined;
  #hasEnded = false;
  #searchedAt = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#deadline = performance.now() + options.timeoutMs;
    void options.machine.ended.then(() => (this.#hasEnded = true));
  }

  /**
   * Waits until one of the texts appears, the machine ends, the console shows that no system can
   * start, or the time is over.
   * @param also looks elsewhere, too: returns the name of a text that counts as seen.
   * @throws the signal's reason.
   */
  async next<Name extends string>(
    texts: Readonly<Record<Name, RegExp>>,
    also?: () => Promise<Name | undefined>,
  ): Promise<Seen<Name>> {
    const { signal } = this.#options;
    for (;;) {
      signal.throwIfAborted();
      // What a machine has written before its end counts.
      const hadEnded = this.#hasEnded;
      await this.#read();
      const text = this.#find(texts) ?? (await also?.());
      if (text !== undefined) return { text };
      if (hadEnded) return { over: "ended" };
      const line = await this.#fatalLine();
      if (line !== undefined) return { over: "fatal", line };
      if (performance.now() >= this.#deadline) return { over: "timeout" };
      await delay(INTERVAL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }

  /** Appends what is new in the file. */
  async #read(): Promise<void> {
    this.#handle ??= await openIfThere(this.#options.path);
    if (!this.#handle) return;
    for (;;) {
      const buffer = Buffer.alloc(CHUNK_BYTES);
      const { bytesRead } = await this.#handle.read(buffer, 0, CHUNK_BYTES, this.#text.position);
      if (bytesRead === 0) return;
      this.#text.append(buffer.subarray(0, bytesRead));
    }
  }

  /** Returns the text that comes first, and forgets the console up to its end. */
  #find<Name extends string>(texts: Readonly<Record<Name, RegExp>>): Name | undefined {
    let first: { name: Name; end: number } | undefined;
    for (const name in texts) {
      const end = this.#text.search(texts[name]);
      if (end !== undefined && (first === undefined || end < first.end)) first = { name, end };
    }
    if (first) this.#text = new PlainText(first.end);
    return first?.name;
  }

  async #fatalLine(): Promise<string | undefined> {
    if (performance.now() - this.#searchedAt < FATAL_INTERVAL_MS) return undefined;
    this.#searchedAt = performance.now();
    return findFatalLine(await readConsoleTail(this.#options.path))?.trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#handle?.close();
  }
}
