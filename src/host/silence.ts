/** Stops reading a command's output some time after the command has ended. */
import type { Readable } from "node:stream";

/**
 * Background children may hold the output open after the command has ended. Reading continues until
 * nothing has arrived for the first limit, and until the second limit at most. Milliseconds.
 */
const SILENCE_MS = 1000;
const DRAIN_MS = 15_000;

/**
 * Calls `close` when the streams of a command that has ended have been silent for a second, or
 * after fifteen seconds, whichever comes first.
 * @returns a function that cancels this, to be called when the streams end by themselves.
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
    // After a busy period timers run before I/O callbacks, so data that has already arrived is read
    // first.
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
