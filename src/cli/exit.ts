/** The end of the process: it comes, whatever a command has left open. */
import type { Writable } from "node:stream";

/** Resolves when the stream's reader has taken what was written, or has gone. */
function drained(stream: Writable): Promise<void> {
  if (stream.destroyed || !stream.writable || stream.writableLength === 0) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("error", () => resolve());
    stream.once("close", () => resolve());
    stream.write("", () => resolve());
  });
}

/**
 * Ends the process once stdout and stderr have been taken. A socket, a timer or a program that
 * somebody forgot must not keep it: in CI, nobody is there to stop it.
 */
export async function exitProcess(exitCode: number): Promise<never> {
  process.exitCode = exitCode;
  await Promise.all([process.stdout, process.stderr].map(drained));
  process.exit();
}
