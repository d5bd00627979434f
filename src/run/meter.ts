/** What of a run's time is the tool's own: all of it, less the times in which it waited for others. */

/** Counts the time in which at least one wait for somebody else was under way. Milliseconds. */
export class Meter {
  readonly #started = performance.now();
  #waits = 0;
  #since = 0;
  #waited = 0;

  /** Runs something whose time is the guest's, QEMU's or another program's. */
  async waitFor<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waits++ === 0) this.#since = performance.now();
    try {
      return await work();
    } finally {
      if (--this.#waits === 0) this.#waited += performance.now() - this.#since;
    }
  }

  /** Since the start. */
  get totalMs(): number {
    return performance.now() - this.#started;
  }

  /** The tool's own share. */
  get ownMs(): number {
    const running = this.#waits > 0 ? performance.now() - this.#since : 0;
    return this.totalMs - this.#waited - running;
  }
}
