/** Waits for a time that a cancellation ends. */
import { setTimeout as delay } from "node:timers/promises";

/** Waits for that many milliseconds. Throws the signal's reason as soon as it aborts. */
export async function abortableDelay(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } finally {
    signal.throwIfAborted();
  }
}
