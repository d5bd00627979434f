/**
 * Hashes a stream with several algorithms in parallel: one worker thread per algorithm, all fed
 * from one ring buffer in shared memory. The file is read once, as fast as the slowest algorithm,
 * in constant memory.
 */
import { Worker } from "node:worker_threads";

/**
 * Program of the worker threads. It is a string rather than a file, so that it works the same from
 * the compiled package and from the sources.
 */
const PROGRAM = `
const { parentPort, workerData } = require("node:worker_threads");
const hash = require("node:crypto").createHash(workerData.algorithm);
parentPort.on("message", (message) => {
  if (message === "end") {
    parentPort.postMessage({ digest: hash.digest("hex") });
    parentPort.close();
    return;
  }
  hash.update(new Uint8Array(workerData.ring, message.at, message.length));
  parentPort.postMessage({ at: message.at });
});
`;

/** Size of a slot: 8 slots of 256 KiB. More or larger ones were not faster. */
const SLOT_BYTES = 2 ** 18;
const SLOTS = 8;

/**
 * Memory limits of a worker in MiB. A worker holds only its hash state; with V8's defaults it would
 * accumulate 48 MiB of garbage.
 */
const WORKER_LIMITS = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16, stackSizeMb: 1 };

type Answer = { readonly digest: string } | { readonly at: number };

/** Hashes one stream with several algorithms. Dispose of it to end the threads. */
export class HashThreads implements AsyncDisposable {
  readonly #ring = new SharedArrayBuffer(SLOT_BYTES * SLOTS);
  readonly #workers: readonly Worker[];
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, index) => index * SLOT_BYTES);
  /** Start of each slot in use, and the number of threads that have yet to read it. */
  readonly #readers = new Map<number, number>();
  readonly #digests = new Map<string, string>();
  #failure: { readonly error: unknown } | undefined;
  #wake: () => void = () => {};
  readonly #signal: AbortSignal;
  readonly #onAbort = (): void => this.#fail(this.#signal.reason);

  constructor(algorithms: readonly string[], signal: AbortSignal) {
    const workers: Worker[] = [];
    this.#workers = workers;
    try {
      for (const algorithm of new Set(algorithms)) workers.push(this.#start(algorithm));
    } catch (error) {
      // If the host allows no more threads, those already started must not be left running.
      for (const worker of workers) void worker.terminate();
      throw error;
    }
    this.#signal = signal;
    signal.addEventListener("abort", this.#onAbort);
    if (signal.aborted) this.#onAbort();
  }

  #start(algorithm: string): Worker {
    const worker = new Worker(PROGRAM, {
      eval: true,
      workerData: { algorithm, ring: this.#ring },
      // Options of this process (a loader, an inspector) do not apply to the threads.
      execArgv: [],
      resourceLimits: WORKER_LIMITS,
    });
    worker.on("message", (answer: Answer) => this.#take(algorithm, answer));
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => {
      if (!this.#digests.has(algorithm)) this.#fail(new Error(`The ${algorithm} thread exited`));
    });
    return worker;
  }

  /** Returns a free slot of the ring to read into, as soon as there is one. */
  async slot(): Promise<Uint8Array<SharedArrayBuffer>> {
    await this.#waitUntil(() => this.#free.length > 0);
    const at = this.#free.shift() ?? 0;
    return new Uint8Array(this.#ring, at, SLOT_BYTES);
  }

  /** Hashes the first `length` bytes of a slot, after everything that was pushed before. */
  push(slot: Uint8Array<SharedArrayBuffer>, length: number): void {
    const at = slot.byteOffset;
    this.#readers.set(at, this.#workers.length);
    for (const worker of this.#workers) worker.postMessage({ at, length });
  }

  /** Ends the stream and returns the digest of every algorithm in hexadecimal. */
  async digests(): Promise<ReadonlyMap<string, string>> {
    for (const worker of this.#workers) worker.postMessage("end");
    await this.#waitUntil(() => this.#digests.size === this.#workers.length);
    return this.#digests;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#signal.removeEventListener("abort", this.#onAbort);
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #take(algorithm: string, answer: Answer): void {
    if ("digest" in answer) {
      this.#digests.set(algorithm, answer.digest);
    } else {
      const left = (this.#readers.get(answer.at) ?? 1) - 1;
      this.#readers.set(answer.at, left);
      if (left === 0) this.#free.push(answer.at);
    }
    this.#wake();
  }

  /** Records a failure. The first one is reported. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  async #waitUntil(holds: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      if (holds()) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
