/**
 * Makes standard output and standard error reliable: everything is written, or the failure is
 * recorded.
 */
import { fstatSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { VmbuildError, messageOf, systemCode } from "../errors.js";

/**
 * Writable for a standard stream that is a file. Node's own stream loses data when a nearly full
 * disk accepts only part of a write.
 */
class ReliableFile extends Writable {
  readonly fd: number;

  constructor(fd: number) {
    super({ decodeStrings: true });
    this.fd = fd;
  }

  override _write(
    chunk: Buffer,
    _encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    try {
      for (let at = 0; at < chunk.length;) at += writeSync(this.fd, chunk, at);
      done();
    } catch (error) {
      done(error as Error);
    }
  }
}

function isFile(fd: number): boolean {
  try {
    return fstatSync(fd).isFile();
  } catch {
    // The descriptor was closed before the start: Node opens /dev/null in its place.
    return false;
  }
}

/** Replaces standard streams that are files by ones that write everything or fail. */
export function useReliableFiles(): void {
  for (const [name, fd] of [
    ["stdout", 1],
    ["stderr", 2],
  ] as const) {
    if (!isFile(fd)) continue;
    const stream = new ReliableFile(fd);
    Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream });
  }
}

/**
 * Returns whether the reader of a stream is gone: `| head` has read enough, and a terminal can be
 * closed.
 */
function isGone(stream: NodeJS.WriteStream, error: unknown): boolean {
  const code = systemCode(error) ?? "";
  return code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && stream.isTTY);
}

/** Errors of a standard stream. */
export interface StreamWatch {
  /** Waits until everything is written. Returns the error, unless the reader is gone. */
  finish(): Promise<unknown>;
}

/** Watches a stream from now on. Its errors no longer end the process. */
export function watchStream(stream: NodeJS.WriteStream): StreamWatch {
  let failure: unknown;
  stream.on("error", (error) => {
    if (!isGone(stream, error)) failure ??= error;
  });
  return {
    async finish() {
      // The callback is called after everything written before, even when that failed. Nothing is
      // written when nothing is pending, because /dev/full refuses even an empty write.
      if (!stream.destroyed && stream.writableLength > 0)
        await new Promise((resolve) => stream.write("", resolve));
      // An error is emitted in the tick after its callback.
      await new Promise((resolve) => setImmediate(resolve));
      return failure;
    },
  };
}

/** Returns the error for standard output that could not be written. */
export function stdoutError(cause: unknown): VmbuildError {
  return new VmbuildError(
    "HOST_OUTPUT",
    `Standard output could not be written; the result is incomplete: ${messageOf(cause)}`,
    { cause },
  );
}
