/** The pause between two attempts. */
import { formatDuration } from "../host/format.js";
import { backoffMs } from "./clock.js";
import type { FullContext } from "./context.js";
import type { AddressFailure } from "./failure.js";

/**
 * Tells why an attempt failed and when the next one follows, and waits for that long.
 * @param failures how many attempts failed in a row, from 1.
 * @throws the signal's own reason when it was aborted.
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
