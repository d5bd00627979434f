/**
 * One worker thread per algorithm, all fed from one ring of shared memory: a file is read once
 * and hashed by all of them side by side, as fast as the slowest alone, in constant memory.
 */
import { Worker } from "node:worker_threads";

/**
 * The thread's whole program. Text rather than a file of its own, so that it starts the same from
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

/** 8 slots of 256 KiB: more, or larger ones, measured no faster. */
const SLOT_BYTES = 2 ** 18;
const SLOTS = 8;

/** MiB. A thread keeps nothing but its hash; V8's own limits would let it collect 48 MiB of garbage. */
const SMALL = { maxYoungGenerationSizeMb: 1, maxOldGenerationSizeMb: 16, stackSizeMb: 1 };

type Answer = { readonly digest: string } | { readonly at: number };

/** Hashes one stream with several algorithms. Dispose of it to end the threads. */
export class Hashers implements AsyncDisposable {
  readonly #ring = new SharedArrayBuffer(SLOT_BYTES * SLOTS);
  readonly #workers: readonly Worker[];
  readonly #free: number[] = Array.from({ length: SLOTS }, (_, index) => index * SLOT_BYTES);
  /** Where each slot in use begins, and how many threads have yet to read it. */
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
      // A host that allows no more threads must not keep those that were started.
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
      // Whatever this process was started with (a loader, an inspector) is not for the threads.
      execArgv: [],
      resourceLimits: SMALL,
    });
    worker.on("message", (answer: Answer) => this.#take(algorithm, answer));
    worker.on("error", (error) => this.#fail(error));
    worker.on("exit", () => {
      if (!this.#digests.has(algorithm)) this.#fail(new Error(`The ${algorithm} thread exited`));
    });
    return worker;
  }

  /** A free piece of the ring to read into, as soon as there is one. */
  async slot(): Promise<Uint8Array<SharedArrayBuffer>> {
    await this.#until(() => this.#free.length > 0);
    const at = this.#free.shift() ?? 0;
    return new Uint8Array(this.#ring, at, SLOT_BYTES);
  }

  /** Has the first `length` bytes of a slot hashed, after all that was given before. */
  push(slot: Uint8Array<SharedArrayBuffer>, length: number): void {
    const at = slot.byteOffset;
    this.#readers.set(at, this.#workers.length);
    for (const worker of this.#workers) worker.postMessage({ at, length });
  }

  /** Ends the stream: every algorithm's digest, in hexadecimal. */
  async digests(): Promise<ReadonlyMap<string, string>> {
    for (const worker of this.#workers) worker.postMessage("end");
    await this.#until(() => this.#digests.size === this.#workers.length);
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

  /** The first failure is the one that counts. */
  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake();
  }

  async #until(holds: () => boolean): Promise<void> {
    for (;;) {
      if (this.#failure) throw this.#failure.error;
      if (holds()) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
