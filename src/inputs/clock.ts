/** Time and chance, passed in so that tests neither sleep nor guess. */
import { setTimeout as sleep } from "node:timers/promises";

/** What retries and progress are timed with. All times are milliseconds. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`; rejects as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** From 0 up to, but not including, 1. */
  random(): number;
}

/** The host's own clock. */
export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  random: Math.random,
};

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 30_000;

/**
 * How long to wait before the next attempt: 1 s, 2 s, 4 s … up to 30 s, of which a random half
 * is left out, so that many clients of one server do not come back all at once.
 * @param failures how many attempts failed in a row, from 1.
 * @param random from 0 up to 1.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return Math.round(full / 2 + (full / 2) * random);
}
