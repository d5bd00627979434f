/** Ends the process, whatever a command has left open. */
import type { Writable } from "node:stream";

/** Resolves when the stream's data was written, or its reader is gone. */
function drained(stream: Writable): Promise<void> {
  if (stream.destroyed || !stream.writable || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.once("close", () => resolve());
    stream.write("", () => resolve());
  });
}

/**
 * Ends the process once stdout and stderr are written. A socket, timer or program that was left
 * open must not keep the process alive, for example in CI.
 */
export async function exitProcess(exitCode: number): Promise<never> {
  process.exitCode = exitCode;
  await Promise.all([process.stdout, process.stderr].map(drained));
  process.exit();
}
