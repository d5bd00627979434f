/** Standard output and standard error: written in full, and what keeps them from it is remembered. */
import { fstatSync, writeSync } from "node:fs";
import { Writable } from "node:stream";
import { VmbuildError, messageOf, systemCode } from "../errors.js";

/** A file behind a standard stream. Node's own stream drops what a nearly full disk did not take. */
class WholeFile extends Writable {
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
    // It was closed before we were started: Node opens /dev/null in its place.
    return false;
  }
}

/** Replaces the standard streams that are files by ones that write everything or fail. */
export function useWholeFiles(): void {
  for (const [name, fd] of [
    ["stdout", 1],
    ["stderr", 2],
  ] as const) {
    if (!isFile(fd)) continue;
    const stream = new WholeFile(fd);
    Object.defineProperty(process, name, { configurable: true, enumerable: true, value: stream });
  }
}

/** A reader that has gone (`| head`) has read what it wanted, and a terminal can be closed. */
function isGone(stream: NodeJS.WriteStream, error: unknown): boolean {
  const code = systemCode(error) ?? "";
  return code === "EPIPE" || code === "ECONNRESET" || (code === "EIO" && stream.isTTY);
}

/** What went wrong with a standard stream. */
export interface StreamWatch {
  /** Waits until everything is written; returns what failed, unless its reader has just gone. */
  settle(): Promise<unknown>;
}

/** Watches a stream from here on. Its failures end nothing by themselves any more. */
export function watchStream(stream: NodeJS.WriteStream): StreamWatch {
  let failure: unknown;
  stream.on("error", (error) => {
    if (!isGone(stream, error)) failure ??= error;
  });
  return {
    async settle() {
      // The callback comes after all that was written before, also when that failed. Nothing is
      // written where nothing waits: /dev/full refuses even that.
      if (!stream.destroyed && stream.writableLength > 0)
        await new Promise((resolve) => stream.write("", resolve));
      // An error is emitted in the tick after its callback.
      await new Promise((resolve) => setImmediate(resolve));
      return failure;
    },
  };
}

/** The error for standard output that could not be written. */
export function stdoutError(cause: unknown): VmbuildError {
  return new VmbuildError(
    "HOST_OUTPUT",
    `Standard output could not be written; the result is incomplete: ${messageOf(cause)}`,
    { cause },
  );
}
