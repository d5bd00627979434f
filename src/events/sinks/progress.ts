/** Progress of one task: how far, how fast, how long still. */
import { formatBytes, formatDuration } from "../../host/format.js";
import type { EventBody } from "../types.js";

/** One report of progress. */
export type ProgressEvent = Extract<EventBody, { type: "progress" }>;

/** Rates are taken over about this long: long enough to be calm, short enough to be true. */
const WINDOW_MS = 8000;
const SAMPLE_MS = 500;
/** No time left is claimed from less than this. */
const TRUSTED_MS = 1500;

/** Follows one task through its progress events. Times are milliseconds. */
export class TaskProgress {
  #samples: { time: number; done: number }[] = [];
  #last: ProgressEvent;

  constructor(event: ProgressEvent, time: number) {
    this.#last = event;
    this.update(event, time);
  }

  /** Takes the next report. */
  update(event: ProgressEvent, time: number): void {
    // A retry that starts over must not show a negative rate.
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

  /** 0 to 1, or null where the total is not known. */
  get fraction(): number | null {
    const { done, total } = this.#last;
    return total === null || total <= 0 ? null : Math.min(1, Math.max(0, done / total));
  }

  /** Units per second lately, or null while it is too early to say. */
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

  /** `45.1 MiB/s`; empty while unknown, and for other units than bytes. */
  speed(now: number): string {
    const rate = this.rate(now);
    if (rate === null || rate <= 0 || this.#last.unit !== "bytes") return "";
    return `${formatBytes(Math.round(rate))}/s`;
  }

  /** `3m 5s left`; empty while unknown. */
  timeLeft(now: number): string {
    const { done, total } = this.#last;
    const rate = this.rate(now);
    if (total === null || done >= total || rate === null || rate <= 0) return "";
    const seconds = Math.ceil((total - done) / rate);
    return seconds > 48 * 3600 ? "" : `${formatDuration(seconds * 1000)} left`;
  }
}

/** Whether this report is the task's last. */
export function isTaskEnd(event: ProgressEvent): boolean {
  return event.total !== null && event.done >= event.total;
}
