/**
 * Measures vmbuild's own share of a run: its duration less the time spent waiting for the guest,
 * QEMU, servers and other programs.
 */

/** Measures the time during which at least one wait is in progress. Milliseconds. */
export class Meter {
  readonly #now: () => number;
  readonly #started: number;
  #waits = 0;
  #since = 0;
  #waited = 0;

  /** @param now clock in milliseconds; a monotonic one by default. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
    this.#started = now();
  }

  /** Runs work and counts its time as waiting. */
  async waitFor<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waits++ === 0) this.#since = this.#now();
    try {
      return await work();
    } finally {
      if (--this.#waits === 0) this.#waited += this.#now() - this.#since;
    }
  }

  /** Time since the start. */
  get totalMs(): number {
    return this.#now() - this.#started;
  }

  /** vmbuild's own share. */
  get ownMs(): number {
    const running = this.#waits > 0 ? this.#now() - this.#since : 0;
    return this.totalMs - this.#waited - running;
  }
}
