/** Waits until a machine's screen no longer changes. */
import { VmbuildError } from "../errors.js";
import { abortableDelay } from "../host/delay.js";
import { formatDuration } from "../host/format.js";
import { readConsoleTail } from "./console.js";
import { captureScreen, differingPixels, isBlank, isPlaceholder } from "./screen.js";
import type { Screen, ScreenSource } from "./screen.js";

/** Pixels that may differ between two captures: a blinking text cursor has up to 144 (9×16). */
export const CURSOR_PIXELS = 400;
/** Time between two captures. Milliseconds. */
const CAPTURE_INTERVAL_MS = 1000;
/** Captures in a row that must be like the one before. */
const CAPTURES_ALIKE = 3;

/** Inputs of {@link waitForStableScreen}. */
export interface StableScreenOptions {
  readonly machine: ScreenSource;
  /** Private folder for temporary files. */
  readonly folder: string;
  readonly timeoutMs: number;
  /** Ends the wait; its reason is thrown. */
  readonly signal: AbortSignal;
  /** File with the serial console, the last lines of which are part of the error. */
  readonly console?: string;
  /** Waits for that many milliseconds. Rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

function describe(changed: number | undefined, blank: boolean): string {
  if (blank) return "The screen was still blank";
  if (changed === undefined) return "The screen was captured only once";
  return `${changed} pixels changed between the last two captures`;
}

/**
 * Waits until three captures in a row, taken a second apart, are each like the one before: the same
 * size, and fewer than 400 pixels differ. A blank screen does not count, and neither does the one of a
 * display that the guest has not initialized.
 * @returns the last capture.
 * @throws {VmbuildError} BASE_INSTALL when the time is over; USAGE when the machine has no screen;
 *   MACHINE_QMP when QEMU has exited; the reason of the signal.
 */
export async function waitForStableScreen(options: StableScreenOptions): Promise<Screen> {
  const { machine, folder, timeoutMs, signal, wait = abortableDelay } = options;
  const deadline = performance.now() + timeoutMs;
  let last: Screen | undefined;
  for (let alike = 0; ;) {
    signal.throwIfAborted();
    const screen = await captureScreen(machine, folder);
    const blank = isBlank(screen) || isPlaceholder(screen);
    const changed = last && differingPixels(last, screen);
    alike = changed !== undefined && changed < CURSOR_PIXELS && !blank ? alike + 1 : 0;
    if (alike >= CAPTURES_ALIKE) return screen;
    if (performance.now() >= deadline) throw await timeoutError(options, describe(changed, blank));
    last = screen;
    await wait(CAPTURE_INTERVAL_MS, signal);
  }
}

async function timeoutError(
  { timeoutMs, console }: StableScreenOptions,
  why: string,
): Promise<VmbuildError> {
  const lines = console === undefined ? [] : await readConsoleTail(console);
  const message = `The screen did not stop changing within ${formatDuration(timeoutMs)}. ${why}`;
  return new VmbuildError("BASE_INSTALL", message, { lines, details: { waitedFor: "stable" } });
}
