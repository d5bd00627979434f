/** Follows the restarts of a guest while a program of this host works on it. */
import { VmbuildError } from "../../errors.js";
import type { Guest } from "../../guest/guest.js";

/** Connects again each time that the connection is lost, until `over` aborts. */
async function reconnectUntil(over: AbortSignal, guest: Guest, timeoutMs: number): Promise<void> {
  const started = performance.now();
  const timeLeft = (): number => Math.max(1, timeoutMs - (performance.now() - started));
  while (!over.aborted) {
    if (!(await guest.waitUntilLost(timeLeft(), over))) return;
    try {
      await guest.reconnect(timeLeft());
    } catch (error) {
      // The guest accepted the login while it was still shutting down.
      if (!(error instanceof VmbuildError) || error.code !== "GUEST_LOST") throw error;
    }
  }
}

/**
 * Runs work during which the guest may restart, as Ansible's module `reboot` does. vmbuild connects
 * again, and starts the rescue SSH server again, at which the program waits for the guest.
 * @param timeoutMs time limit of the work in milliseconds.
 * @param work gets a signal that aborts when the guest does not come back; its reason is the error.
 * @returns the result of the work, once vmbuild is connected too.
 * @throws {VmbuildError} GUEST_TIMEOUT or GUEST_SHELL when the guest does not come back; what the
 *   work throws.
 */
export async function followRestarts<T>(
  guest: Guest,
  timeoutMs: number,
  work: (lost: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  const failed = new AbortController();
  const following = reconnectUntil(over.signal, guest, timeoutMs).catch((error: unknown) =>
    failed.abort(error),
  );
  let result: T;
  try {
    result = await work(failed.signal);
  } finally {
    over.abort();
    await following;
  }
  failed.signal.throwIfAborted();
  return result;
}
