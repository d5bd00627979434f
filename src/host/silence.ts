/** Ends the reading of a command's output after the command's own end. */
import type { Readable } from "node:stream";

/**
 * After its end, a command's background children may hold its output open. Reading goes on until
 * nothing has come for the first of these, and for the second at most. Milliseconds.
 */
const SILENCE_MS = 1000;
const DRAIN_MS = 15_000;

/**
 * Calls `close` once the streams of a command that has ended have been silent for a second, or
 * after fifteen seconds, whichever comes first.
 * @returns cancels it; to be called when the streams have ended by themselves.
 */
export function closeWhenSilent(streams: readonly Readable[], close: () => void): () => void {
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  let pieces = 0;
  const stop = (): void => {
    clearTimeout(timer);
    for (const stream of streams) stream.off("data", onData);
  };
  const end = (): void => {
    stop();
    close();
  };
  const rearm = (): void => {
    clearTimeout(timer);
    const left = DRAIN_MS - (performance.now() - started);
    if (left <= 0) return end();
    timer = setTimeout(check, Math.min(SILENCE_MS, left));
  };
  const check = (): void => {
    const seen = pieces;
    // After a busy time timers come first: what has arrived meanwhile is read before the next turn.
    setImmediate(() => (pieces === seen ? end() : undefined));
  };
  const onData = (): void => {
    pieces++;
    rearm();
  };
  for (const stream of streams) stream.on("data", onData);
  rearm();
  return stop;
}
