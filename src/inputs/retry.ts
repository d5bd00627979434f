/** Delays an attempt after a failure. */
import { formatDuration } from "../host/format.js";
import { backoffMs } from "./clock.js";
import type { FullContext } from "./context.js";
import type { AddressFailure } from "./failure.js";

/**
 * Reports why an attempt failed and when the next one follows, and waits until then.
 * @param failures the number of consecutive failed attempts, from 1.
 * @throws the signal's own reason when it aborted.
 */
export async function pauseBeforeRetry(
  label: string,
  failure: Pick<AddressFailure, "message" | "retryAfterMs">,
  failures: number,
  { clock, emit, signal }: FullContext,
): Promise<void> {
  const pause = Math.max(backoffMs(failures, clock.random()), failure.retryAfterMs ?? 0);
  const message = `${label}: ${failure.message}; retrying in ${formatDuration(pause)}`;
  emit({ type: "note", message });
  try {
    await clock.sleep(pause, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
