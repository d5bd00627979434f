/** Calculates the progress of one task: amount, rate and time left. */
import { formatBytes, formatDuration } from "../../host/format.js";
import type { EventBody } from "../types.js";

/** Event that reports progress. */
export type ProgressEvent = Extract<EventBody, { type: "progress" }>;

/** Interval over which rates are averaged: long enough to be stable, short enough to be current. */
const WINDOW_MS = 8000;
const SAMPLE_MS = 500;
/** Shortest interval from which a remaining time is estimated. */
const TRUSTED_MS = 1500;

/** Tracks one task through its progress events. Times are milliseconds. */
export class TaskProgress {
  #samples: { time: number; done: number }[] = [];
  #last: ProgressEvent;

  constructor(event: ProgressEvent, time: number) {
    this.#last = event;
    this.update(event, time);
  }

  /** Consumes the next event. */
  update(event: ProgressEvent, time: number): void {
    // A retry that starts over must not give a negative rate.
    if (event.done < this.#last.done) this.#samples = [];
    this.#last = event;
    const newest = this.#samples.at(-1);
    if (newest && time - newest.time < SAMPLE_MS) return;
    this.#samples.push({ time, done: event.done });
    while (this.#samples.length > 2 && time - (this.#samples[1]?.time ?? time) > WINDOW_MS) {
      this.#samples.shift();
    }
  }

  get label(): string {
    return this.#last.label;
  }

  /** Progress from 0 to 1, or null where the total is unknown. */
  get fraction(): number | null {
    const { done, total } = this.#last;
    return total === null || total <= 0 ? null : Math.min(1, Math.max(0, done / total));
  }

  /** Returns the current rate in units per second, or null while it is too early. */
  rate(now: number): number | null {
    const oldest = this.#samples[0];
    if (!oldest || now - oldest.time < TRUSTED_MS) return null;
    return (this.#last.done - oldest.done) / ((now - oldest.time) / 1000);
  }

  /** Formats the amount, such as `1.2 of 14.3 GiB`; empty for percentages. */
  get amount(): string {
    const { done, total, unit } = this.#last;
    if (unit === "percent") return "";
    return total === null ? formatBytes(done) : `${formatBytes(done)} of ${formatBytes(total)}`;
  }

  /**
   * Formats the rate, such as `45.1 MiB/s`; empty while unknown, and for units other than bytes.
   */
  speed(now: number): string {
    const rate = this.rate(now);
    if (rate === null || rate <= 0 || this.#last.unit !== "bytes") return "";
    return `${formatBytes(Math.round(rate))}/s`;
  }

  /** Formats the time left, such as `3m 5s left`; empty while unknown. */
  timeLeft(now: number): string {
    const { done, total } = this.#last;
    const rate = this.rate(now);
    if (total === null || done >= total || rate === null || rate <= 0) return "";
    const seconds = Math.ceil((total - done) / rate);
    return seconds > 48 * 3600 ? "" : `${formatDuration(seconds * 1000)} left`;
  }
}

/** Returns whether this event is the task's last. */
export function isTaskEnd(event: ProgressEvent): boolean {
  return event.total !== null && event.done >= event.total;
}
