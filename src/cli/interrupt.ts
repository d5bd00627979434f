/**
 * Handles Ctrl-C and SIGTERM: the first one cancels the work, the second one ends the process at
 * once.
 */
import { setMaxListeners } from "node:events";
import { VmbuildError } from "../errors.js";

const KINDS = {
  SIGINT: { code: "INTERRUPTED", message: "Interrupted (Ctrl-C)" },
  SIGTERM: { code: "TERMINATED", message: "Terminated (SIGTERM)" },
  SIGHUP: { code: "TERMINATED", message: "The terminal was closed (SIGHUP)" },
} as const;

/**
 * Runs a function with a signal that aborts on Ctrl-C or SIGTERM. QEMU and all other children end
 * with this process, so that a second signal leaves nothing behind either.
 * @param options `hangup`: whether SIGHUP, which the end of a terminal sends, aborts too; otherwise
 *   it is ignored.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  { hangup = true }: { readonly hangup?: boolean } = {},
): Promise<T> {
  const controller = new AbortController();
  // Each running program adds a listener, and a command may run many at once, so this is not a
  // leak.
  setMaxListeners(0, controller.signal);
  const onSignal = (name: NodeJS.Signals): void => {
    if (name === "SIGHUP" && !hangup) return;
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
