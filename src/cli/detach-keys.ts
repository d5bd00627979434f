/** Lets a user leave a view of a run, which goes on: by `d`, or by Ctrl-C twice. */
import { VmbuildError } from "../errors.js";
import { atExit } from "../events/sinks/atexit.js";

/** Reason of a signal that was aborted because the user left the view. */
export const DETACHED = new Error("The user left the view of the run");

/** What the keys do besides. */
export interface DetachOptions {
  /** Called at the first Ctrl-C, to say what the second one does. */
  readonly onFirst: () => void;
  /** Called when Enter is pressed. */
  readonly onEnter: () => void;
}

const CTRL_C = "\u0003";

/** Reads single keys from the terminal, if there is one. Returns a function that stops it. */
function readKeys(onKey: (key: string) => void): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) return () => {};
  const onData = (chunk: Buffer): void => {
    for (const key of chunk.toString("latin1")) onKey(key);
  };
  const restore = (): void => void stdin.setRawMode(false);
  stdin.setRawMode(true);
  const cancelAtExit = atExit(restore);
  stdin.on("data", onData).resume();
  return () => {
    stdin.off("data", onData).pause();
    restore();
    cancelAtExit();
  };
}

/**
 * Runs a function with a signal that aborts with {@link DETACHED} when the user leaves the view, and
 * with TERMINATED on SIGTERM and at the end of the terminal.
 */
export async function detachable<T>(
  { onFirst, onEnter }: DetachOptions,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let isSecond = false;
  const onInterrupt = (): void => {
    if (isSecond) controller.abort(DETACHED);
    else onFirst();
    isSecond = true;
  };
  const onEnd = (name: NodeJS.Signals): void =>
    controller.abort(new VmbuildError("TERMINATED", `The view was ended by ${name}`));
  const stopKeys = readKeys((key) => {
    if (key === CTRL_C) onInterrupt();
    else if (key === "d" || key === "D") controller.abort(DETACHED);
    else if (key === "\r" || key === "\n") onEnter();
  });
  process.on("SIGINT", onInterrupt).on("SIGTERM", onEnd).on("SIGHUP", onEnd);
  try {
    return await work(controller.signal);
  } finally {
    stopKeys();
    process.off("SIGINT", onInterrupt).off("SIGTERM", onEnd).off("SIGHUP", onEnd);
  }
}
