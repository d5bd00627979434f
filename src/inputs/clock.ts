/** Provides time and randomness as a parameter, so that tests are fast and deterministic. */
import { setTimeout as sleep } from "node:timers/promises";

/** Clock for retries and progress. All times are milliseconds. */
export interface Clock {
  /** Returns milliseconds since the epoch. */
  now(): number;
  /** Resolves after `ms`. Rejects as soon as the signal aborts. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Returns a number from 0 up to, but not including, 1. */
  random(): number;
}

/** Clock of the host. */
export const systemClock: Clock = {
  now: Date.now,
  sleep: (ms, signal) => sleep(ms, undefined, { signal }),
  random: Math.random,
};

const FIRST_DELAY_MS = 1000;
const MAX_DELAY_MS = 30_000;

/**
 * Returns the delay before the next attempt: 1 s, 2 s, 4 s … up to 30 s, minus a random part of at
 * most half, so that the clients of one server do not retry simultaneously.
 * @param failures the number of consecutive failed attempts, from 1.
 * @param random from 0 up to 1.
 */
export function backoffMs(failures: number, random: number): number {
  const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (failures - 1));
  return Math.round(full / 2 + (full / 2) * random);
}
