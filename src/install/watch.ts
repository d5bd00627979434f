/** Watches an installer that runs: its console for failures, and whether it still does anything. */
import { setTimeout as delay } from "node:timers/promises";
import { z } from "zod";
import type { Emit } from "../events/types.js";
import { statIfThere } from "../host/files.js";
import { formatDuration } from "../host/format.js";
import { readConsoleTail } from "../machine/console.js";
import type { RunningMachine } from "../machine/running-machine.js";
import { findFailure } from "./failure.js";

const CONSOLE_CHECK_MS = 1000;
const ACTIVITY_CHECK_MS = 10_000;
/** Time without any activity after which a warning is emitted. Milliseconds. */
const IDLE_MS = 5 * 60_000;
/** Number of lines in which a failure is looked for; a check a second sees more than are printed. */
const CHECKED_LINES = 60;

/**
 * Waits for a console line that shows that the installer cannot finish.
 * @returns that line. Rejects with the signal's reason when it aborts.
 */
export async function waitForFailure(
  console: string,
  failOn: readonly RegExp[],
  signal: AbortSignal,
): Promise<string> {
  for (;;) {
    const line = findFailure(await readConsoleTail(console, CHECKED_LINES), failOn);
    if (line !== undefined) return line.trim();
    await delay(CONSOLE_CHECK_MS, undefined, { signal });
  }
}

/** Inputs of {@link warnWhenIdle}. */
export interface ActivityOptions {
  readonly machine: RunningMachine;
  readonly console: string;
  /** Number of HTTP requests so far. */
  readonly requests: () => number;
  /** Absolute path of the newest screen; it changes when the screen does. */
  readonly screen: () => string | undefined;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Milliseconds without activity before the warning. */
  readonly idleMs?: number;
}

/** Answer of QMP `query-blockstats` (QEMU's qapi/block-core.json, BlockStats). */
const blockStats = z.array(
  z.object({
    stats: z.object({ rd_operations: z.number(), wr_operations: z.number() }),
  }),
);

/** Returns a text that changes whenever the installer does anything. */
async function activityOf(options: ActivityOptions): Promise<string> {
  const { machine, console, requests, screen } = options;
  const answer = blockStats.parse(await machine.qmp.execute("query-blockstats"));
  const operations = answer.map(({ stats }) => stats.rd_operations + stats.wr_operations);
  const size = (await statIfThere(console))?.size ?? 0;
  return [String(size), operations.join("+"), requests(), screen() ?? ""].join(" ");
}

/**
 * Emits a warning when the installer has done nothing for minutes: it probably waits for an answer.
 * Ends when the signal aborts. It never rejects, since it only informs.
 */
export async function warnWhenIdle(options: ActivityOptions): Promise<void> {
  const { emit, signal, screen, idleMs = IDLE_MS } = options;
  let last = "";
  let since = performance.now();
  let isWarned = false;
  try {
    for (;;) {
      const activity = await activityOf(options);
      if (activity !== last) {
        [last, since, isWarned] = [activity, performance.now(), false];
      } else if (!isWarned && performance.now() - since >= idleMs) {
        isWarned = true;
        const shown = screen();
        emit({
          type: "warning",
          message: `The installer has done nothing for ${formatDuration(idleMs)}: it may be waiting for an answer`,
          hint: shown === undefined ? "Read its console." : `Look at its screen: ${shown}`,
        });
      }
      await delay(Math.min(ACTIVITY_CHECK_MS, idleMs), undefined, { signal });
    }
  } catch {
    // The machine has ended, or the run was cancelled.
  }
}
