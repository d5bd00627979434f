/** Recognizes refusals by which a server limits the rate of requests, as GitHub's does. */

/** Longest wait: GitHub's limits are reset within an hour. */
export const MAX_WAIT_MS = 3_600_000;

/**
 * Returns the milliseconds to wait when a response says that a rate limit is reached; undefined for
 * other responses. GitHub answers 403 or 429, with `retry-after` or with `x-ratelimit-remaining: 0`
 * and the time of the reset (docs.github.com, "Rate limits for the REST API"). A status of 429
 * without these headers is left to the caller.
 * @param now milliseconds since the epoch.
 */
export function rateLimitWait(
  status: number,
  header: (name: string) => string | undefined,
  now: number,
): number | undefined {
  if (status !== 403 && status !== 429) return undefined;
  const isUsedUp = header("x-ratelimit-remaining") === "0";
  const after = header("retry-after") ?? "";
  const reset = header("x-ratelimit-reset") ?? "";
  if (/^\d+$/.test(after) && (isUsedUp || status === 403)) return limited(Number(after) * 1000);
  // One second more, because the time of the reset is rounded.
  if (isUsedUp && /^\d+$/.test(reset)) return limited(Number(reset) * 1000 - now + 1000);
  return undefined;
}

const limited = (ms: number): number => Math.min(Math.max(0, ms), MAX_WAIT_MS);
