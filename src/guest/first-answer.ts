/** Several ways to a guest, tried at once: the first that lets the build in is taken. */
import type { Connection } from "./connection.js";

/** One way to connect, until its signal aborts. */
export type Attempt = (signal: AbortSignal) => Promise<Connection>;

/**
 * Takes the first connection that comes about, and ends the other attempts.
 * @param attempts the first of them is the one whose failure is reported when all fail.
 * @throws what the first attempt failed with; the signal's reason when that aborts.
 */
export async function firstAnswer(
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
    // All have failed, and this is the failure that says most.
    return await (running[0] ?? Promise.reject(new Error("no connection could be made")));
  } finally {
    decided.abort();
  }
}

/** Two may come about in the same instant. */
async function closeOther(attempt: Promise<Connection>, taken: Connection): Promise<void> {
  const connection = await attempt.catch(() => undefined);
  if (connection !== taken) connection?.close();
}
