/** Progress of one transfer, told a few times a second and at its end. */
import type { Emit } from "../events/types.js";
import type { Clock } from "./clock.js";

const INTERVAL_MS = 200;

/** Tells how far a transfer is. Positions are bytes. */
export interface Progress {
  /** `total` is null while it is not known. */
  at(done: number, total: number | null): void;
  /** Tells the end, whatever was told before. */
  finish(done: number): void;
}

/** Starts to tell about `task`. */
export function createProgress(emit: Emit, clock: Clock, task: string, label: string): Progress {
  let reportedAt = -Infinity;
  const tell = (done: number, total: number | null): void => {
    emit({ type: "progress", task, label, done, total, unit: "bytes" });
  };
  return {
    at(done, total) {
      const now = clock.now();
      // The end is told by finish(), once the content has been checked.
      if (now - reportedAt < INTERVAL_MS || done === total) return;
      reportedAt = now;
      tell(done, total);
    },
    finish(done) {
      tell(done, done);
    },
  };
}
