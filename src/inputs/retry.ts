/** Repeats a request while its failures may pass. */
import { formatDuration } from "../host/format.js";
import { backoffMs } from "./clock.js";
import type { FullContext } from "./context.js";
import { AddressFailure } from "./failure.js";

/** Work that is tried again. */
export interface RetriedWork<T> {
  /** Name of the work in messages. */
  readonly label: string;
  /** Throws an AddressFailure that says whether another attempt may succeed. */
  readonly attempt: () => Promise<T>;
  /**
   * Returns true if the failed attempt came further than all before it; attempts are then counted
   * from the start.
   */
  readonly advanced?: () => boolean;
  /** Limit of consecutive failures; the context's unless given. */
  readonly attempts?: number;
}

/**
 * Tries until an attempt succeeds, with growing pauses, as often as the context allows. Reports
 * each failure and the time of the next attempt.
 * @throws {AddressFailure} the last failure; the signal's reason when it aborted; any other error
 *   of an attempt.
 */
export async function retrying<T>(work: RetriedWork<T>, context: FullContext): Promise<T> {
  const { limits, signal } = context;
  const { label, attempt, attempts = limits.attempts, advanced = () => false } = work;
  let failures = 0;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AddressFailure) || !error.retryable) throw error;
      failures = advanced() ? 1 : failures + 1;
      if (failures >= attempts) throw exhausted(error, failures);
      await pause(label, error, failures, context);
    }
  }
}

function exhausted(error: AddressFailure, failures: number): AddressFailure {
  const { message, hint, status } = error;
  return new AddressFailure(`${message} (${failures} attempts)`, {
    retryable: false,
    hint,
    status,
    cause: error,
  });
}

async function pause(
  label: string,
  failure: AddressFailure,
  failures: number,
  { clock, emit, signal }: FullContext,
): Promise<void> {
  const ms = Math.max(backoffMs(failures, clock.random()), failure.retryAfterMs ?? 0);
  const message = `${label}: ${failure.message}; retrying in ${formatDuration(ms)}`;
  emit({ type: "note", message });
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
