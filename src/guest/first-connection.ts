/** Tries several routes to a guest at the same time and uses the first connection that succeeds. */
import type { Connection } from "./connection.js";

/** One attempt to connect, until its signal aborts. */
export type Attempt = (signal: AbortSignal) => Promise<Connection>;

/**
 * Returns the first connection that is established and cancels the other attempts.
 * @param attempts when all fail, the error of the first of them is reported.
 * @throws the error of the first attempt; the signal's reason when it aborts.
 */
export async function firstConnection(
  attempts: readonly [Attempt, ...Attempt[]],
  signal: AbortSignal,
): Promise<Connection> {
  const decided = new AbortController();
  const either = AbortSignal.any([signal, decided.signal]);
  const running = attempts.map((attempt) => attempt(either));
  try {
    const first = await Promise.any(running);
    for (const other of running) void closeOther(other, first);
    return first;
  } catch {
    signal.throwIfAborted();
    // All attempts failed. The first one has the most useful error.
    return await (running[0] ?? Promise.reject(new Error("no connection could be made")));
  } finally {
    decided.abort();
  }
}

/** Closes a second connection that was established in the same instant. */
async function closeOther(attempt: Promise<Connection>, taken: Connection): Promise<void> {
  const connection = await attempt.catch(() => undefined);
  if (connection !== taken) connection?.close();
}
