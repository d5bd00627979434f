/** Reports the progress of one transfer a few times a second and at its end. */
import type { Emit } from "../events/types.js";
import type { Clock } from "./clock.js";

const INTERVAL_MS = 200;

/** Progress of a transfer. Positions are bytes. */
export interface Progress {
  /** Reports a position. `total` is null while it is unknown. */
  at(done: number, total: number | null): void;
  /** Reports the end in any case. */
  finish(done: number): void;
}

/** Creates the progress of `task`. */
export function createProgress(emit: Emit, clock: Clock, task: string, label: string): Progress {
  let reportedAt = -Infinity;
  const report = (done: number, total: number | null): void => {
    emit({ type: "progress", task, label, done, total, unit: "bytes" });
  };
  return {
    at(done, total) {
      const now = clock.now();
      // finish() reports the end once the content has been verified.
      if (now - reportedAt < INTERVAL_MS || done === total) return;
      reportedAt = now;
      report(done, total);
    },
    finish(done) {
      report(done, done);
    },
  };
}
