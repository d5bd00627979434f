/**
 * Delivers the events of a sink one request after the other: in order, at least once, with growing
 * pauses after failures. It never slows the run, and ends in a bounded time.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "../inputs/clock.js";
import type { Delivered, SentEvent } from "./kind.js";
import type { Spool } from "./spool.js";

/** Result of one request. */
export type SendResult =
  | { readonly kind: "delivered" }
  /** The receiver will never accept these events. */
  | { readonly kind: "refused"; readonly reason: string }
  | {
      readonly kind: "failed";
      readonly reason: string;
      readonly retryAfterMs?: number | undefined;
    };

/** Sends events in one request. Throws nothing but the signal's reason. */
export type Send = (events: readonly SentEvent[], signal: AbortSignal) => Promise<SendResult>;

/** Settings of a delivery. Times are milliseconds. */
export interface DeliverySettings {
  /** Events in one request, and the longest time that an event waits for others. */
  readonly batch: { readonly count: number; readonly everyMs: number };
  /** Shortest time between the beginnings of two requests. */
  readonly intervalMs: number;
  /** Time for which the end of the run waits. */
  readonly drainMs: number;
  readonly onProblem: (reason: string) => void;
}

/** Consecutive failures after the end of the run with which the delivery is given up. */
const LAST_FAILURES = 3;
/** Longest pause after the end of the run. Milliseconds. */
const LAST_PAUSE_MS = 1000;

/** Delivery of the events of spools. */
export class Delivery {
  readonly #spools: readonly Spool[];
  readonly #settings: DeliverySettings;
  readonly #stop = new AbortController();
  /** Aborts when no more events come. */
  readonly #ending = new AbortController();
  #wake: () => void = () => {};
  /** Number of events that were added. */
  #added = 0;
  #lastStart = -Infinity;
  /** Events that are sent on their own, because a request with several was refused. */
  #alone = 0;
  #delivered = 0;
  #lost = 0;
  #loop: Promise<void> = Promise.resolve();

  /** @param spools oldest first; the last one is that of this run, and gets more events. */
  constructor(spools: readonly Spool[], settings: DeliverySettings) {
    this.#spools = spools;
    this.#settings = settings;
  }

  /** Starts to deliver. `open` provides the function that sends, for as long as it is needed. */
  start(open: (work: (send: Send) => Promise<void>) => Promise<void>): void {
    const { onProblem } = this.#settings;
    this.#loop = open((send) => this.#run(send)).catch((error: unknown) => {
      if (!this.#stop.signal.aborted) onProblem(String(error));
    });
  }

  /** Adds an event to the spool of this run. Never waits. */
  add(event: SentEvent): void {
    if (this.#spools.at(-1)?.add(event) !== true) {
      this.#lost++;
      this.#settings.onProblem("the limit of stored events is reached");
    }
    this.#added++;
    this.#wake();
  }

  /** Delivers what is left, for a bounded time, and closes the spools. */
  async finish(): Promise<Delivered> {
    this.#ending.abort();
    this.#wake();
    const timer = setTimeout(() => this.#stop.abort(), this.#settings.drainMs);
    await this.#loop;
    clearTimeout(timer);
    for (const spool of this.#spools) this.#lost += spool.close();
    const waiting = this.#spools.reduce((sum, { pending }) => sum + pending, 0);
    return { delivered: this.#delivered, waiting, lost: this.#lost };
  }

  async #run(send: Send): Promise<void> {
    const own = this.#spools.at(-1);
    for (const spool of this.#spools) {
      while (!this.#stop.signal.aborted) {
        const added = this.#added;
        const events = await this.#nextOf(spool);
        if (events.length === 0) {
          if (spool !== own || this.#ending.signal.aborted) break;
          await this.#changedSince(added);
        } else if (!(await this.#deliver(spool, events, send))) return;
      }
    }
  }

  /** Returns the events of the next request, for which it may wait until there are enough. */
  async #nextOf(spool: Spool): Promise<SentEvent[]> {
    const { count, everyMs } = this.#settings.batch;
    const wanted = this.#alone > 0 ? 1 : count;
    const events = await spool.next(wanted);
    if (events.length === 0 || events.length >= wanted || everyMs === 0) return events;
    await this.#pause(everyMs);
    return spool.next(wanted);
  }

  /**
   * Resolves when an event was added or the run ends.
   * @param added number of events before the spool was read; one may have come while it was.
   */
  async #changedSince(added: number): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
      if (this.#ending.signal.aborted || this.#added !== added) resolve();
    });
    this.#wake = () => {};
  }

  /** Waits, but not beyond the end of the run. */
  async #pause(ms: number): Promise<void> {
    // The end of the run ends the pause.
    await sleep(ms, undefined, { signal: this.#ending.signal }).catch(() => {});
  }

  /** Tries until the events are delivered or refused; false when the delivery ends before. */
  async #deliver(spool: Spool, events: readonly SentEvent[], send: Send): Promise<boolean> {
    const { onProblem } = this.#settings;
    let lastFailures = 0;
    for (let failures = 1; ; failures++) {
      await this.#limitRate();
      if (this.#stop.signal.aborted) return false;
      const isEnding = this.#ending.signal.aborted;
      const result = await send(events, this.#stop.signal);
      if (this.#stop.signal.aborted && result.kind === "failed") return false;
      if (result.kind !== "failed") return this.#settle(spool, events, result);
      onProblem(result.reason);
      if (isEnding && ++lastFailures >= LAST_FAILURES) return false;
      await this.#backOff(Math.max(backoffMs(failures, Math.random()), result.retryAfterMs ?? 0));
    }
  }

  /** Removes events that need no further attempt. */
  #settle(
    spool: Spool,
    events: readonly SentEvent[],
    result: Exclude<SendResult, { kind: "failed" }>,
  ): true {
    if (result.kind === "refused" && events.length > 1) {
      // One of them may be the cause.
      this.#alone = events.length;
      return true;
    }
    if (this.#alone > 0) this.#alone--;
    if (result.kind === "delivered") this.#delivered += events.length;
    else {
      this.#lost += events.length;
      this.#settings.onProblem(result.reason);
    }
    spool.remove(events.length);
    return true;
  }

  async #backOff(ms: number): Promise<void> {
    if (!this.#ending.signal.aborted) return this.#pause(ms);
    const pause = Math.min(ms, LAST_PAUSE_MS);
    await sleep(pause, undefined, { signal: this.#stop.signal }).catch(() => {}); // It ended.
  }

  async #limitRate(): Promise<void> {
    const wait = this.#lastStart + this.#settings.intervalMs - performance.now();
    // The limit holds at the end of a run too, as far as its time allows.
    if (wait > 0) await sleep(wait, undefined, { signal: this.#stop.signal }).catch(() => {});
    this.#lastStart = performance.now();
  }
}
