/** Stops a run where a user asked for it, with the machine up, until somebody releases it. */
import type { Emit } from "../events/types.js";
import type { Control } from "../builds/control.js";

/** `before:STEP` or `after:STEP`. */
export interface Breakpoint {
  readonly when: "before" | "after";
  readonly step: string;
}

/** How a run is stopped and released. */
export interface PauseOptions {
  readonly name: string;
  readonly emit: Emit;
  readonly control: Control;
  /** Resolves when a user at the terminal says so; absent where nobody is there. */
  readonly waitForEnter?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Told when a pause begins and ends, for the run's record. */
  readonly onChange: (paused: boolean) => Promise<void>;
}

/**
 * Waits until the run is released.
 * @throws the signal's reason when the run is cancelled or the machine dies meanwhile.
 */
export async function pause(
  reason: string,
  options: PauseOptions,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const pauseEnded = new AbortController();
  const either = AbortSignal.any([signal, pauseEnded.signal]);
  const enter = options.waitForEnter ? "Press Enter to resume, or open a shell first: " : "";
  await options.onChange(true);
  options.emit({ type: "paused", reason, release: `${enter}vmbuild ssh ${options.name}` });
  try {
    await new Promise<void>((resolve, reject) => {
      // It may have been cancelled while the record was written.
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      void options.control.released().then(resolve);
      // Rejects when the pause is over by another way.
      options.waitForEnter?.(either).then(resolve, () => {});
    });
  } finally {
    pauseEnded.abort();
  }
  await options.onChange(false);
  options.emit({ type: "resumed" });
}
