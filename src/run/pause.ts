/** Pauses a run at the user's request, with the machine running, until it is released. */
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Control } from "../builds/control.js";

/** `before:STEP` or `after:STEP`. */
export interface Breakpoint {
  readonly when: "before" | "after";
  readonly step: string;
}

/** Returns whether a run was cancelled because its lease expired. */
export function hasExpired({ aborted, reason }: AbortSignal): boolean {
  return aborted && reason instanceof VmbuildError && reason.code === "LEASE_EXPIRED";
}

/**
 * Says how a paused run is opened and resumed.
 * @param reference words that name the run to `vmbuild ssh`: `demo`, `demo --on builder`.
 * @param takesEnter whether Enter in this terminal resumes it.
 */
export function describeRelease(reference: string, takesEnter: boolean): string {
  const enter = takesEnter ? "Press Enter to resume, or open a shell first: " : "";
  return `${enter}vmbuild ssh ${reference}`;
}

/** Inputs of {@link pause}. */
export interface PauseOptions {
  readonly name: string;
  readonly emit: Emit;
  readonly control: Control;
  /** Resolves when a user presses Enter; absent where there is no terminal. */
  readonly waitForEnter?: ((signal: AbortSignal) => Promise<void>) | undefined;
  /** Called when a pause begins and ends, to update the run's record. */
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
  const release = describeRelease(options.name, options.waitForEnter !== undefined);
  await options.onChange(true);
  options.emit({ type: "paused", reason, release });
  try {
    await new Promise<void>((resolve, reject) => {
      // The run may have been cancelled while the record was written.
      if (signal.aborted) reject(signal.reason as Error);
      signal.addEventListener("abort", () => reject(signal.reason), { once: true });
      void options.control.released().then(resolve);
      // Rejects when the pause ended in another way; there is nothing to handle.
      options.waitForEnter?.(either).then(resolve, () => {});
    });
  } finally {
    pauseEnded.abort();
  }
  await options.onChange(false);
  options.emit({ type: "resumed" });
}
