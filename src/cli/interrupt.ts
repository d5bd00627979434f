/** Ctrl-C and SIGTERM: the first asks for a clean end, the second ends at once. */
import { setMaxListeners } from "node:events";
import { VmbuildError } from "../errors.js";

const KINDS = {
  SIGINT: { code: "INTERRUPTED", message: "Interrupted (Ctrl-C)" },
  SIGTERM: { code: "TERMINATED", message: "Terminated (SIGTERM)" },
  SIGHUP: { code: "TERMINATED", message: "The terminal was closed (SIGHUP)" },
} as const;

/**
 * Does some work with a signal that aborts on Ctrl-C or SIGTERM. QEMU and every other child die
 * with this process, so that the second one leaves nothing behind either.
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  // Each program that runs listens, and a command may run many at once: no leak.
  setMaxListeners(0, controller.signal);
  const onSignal = (name: NodeJS.Signals): void => {
    const kind = KINDS[name as keyof typeof KINDS];
    const error = new VmbuildError(kind.code, kind.message);
    if (controller.signal.aborted) process.exit(error.exitCode);
    controller.abort(error);
  };
  for (const name of Object.keys(KINDS)) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of Object.keys(KINDS)) process.off(name, onSignal);
  }
}
