/**
 * Detects firmware that hangs after a restart of the guest, and resets the machine once. Firmware
 * that hangs has not used the guest's disks yet, so no data is lost.
 */
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../errors.js";
import type { Emit } from "../events/types.js";
import { formatDuration } from "../host/format.js";
import type { RunningMachine } from "./running-machine.js";
import type { Accelerator } from "./shape.js";

/**
 * Time limit from a restart to the firmware's first activity, in milliseconds. Emulated UEFI
 * firmware needs 4 s of processor time for that, which took up to a minute on a host with ten
 * runnable threads per core.
 */
const FIRMWARE_TIMEOUT_MS: Record<Accelerator, number> = { kvm: 60_000, tcg: 180_000 };

/** Returns the time limit for a machine's firmware in milliseconds. */
export const firmwareTimeout = (accelerator: Accelerator): number =>
  FIRMWARE_TIMEOUT_MS[accelerator];

/** Options of a watch. */
export interface RestartWatchOptions {
  /** File with the guest's serial console. */
  readonly console: string;
  readonly emit: Emit;
  readonly timeoutMs: number;
  /** Waits for that many milliseconds. Rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** Counters that grow when a guest is active: bytes on its console, reads from its disks. */
interface Activity {
  readonly consoleBytes: number;
  readonly reads: number;
}

/** Part of the answer of `query-blockstats` (qapi/block-core.json, BlockStats). */
interface BlockStats {
  readonly stats: { readonly rd_operations: number };
}

async function sizeIfExists(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0;
    throw error;
  }
}

async function readActivity(machine: RunningMachine, console: string): Promise<Activity> {
  const [consoleBytes, blocks] = await Promise.all([
    sizeIfExists(console),
    machine.qmp.execute<BlockStats[]>("query-blockstats"),
  ]);
  return { consoleBytes, reads: blocks.reduce((sum, { stats }) => sum + stats.rd_operations, 0) };
}

/** Waits without keeping the process alive. */
const waitFor = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  delay(milliseconds, undefined, { signal, ref: false });

async function isRunning(machine: RunningMachine): Promise<boolean> {
  return (await machine.qmp.execute<{ running: boolean }>("query-status")).running;
}

/**
 * Waits for activity after one restart and resets the machine when there is none.
 * @returns whether it was reset.
 * @throws {VmbuildError} MACHINE_QMP when QEMU has exited.
 */
export async function resetIfSilent(
  machine: RunningMachine,
  options: RestartWatchOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { console, emit, timeoutMs, wait = waitFor } = options;
  const before = await readActivity(machine, console);
  do {
    await wait(timeoutMs, signal);
    const now = await readActivity(machine, console);
    if (now.consoleBytes > before.consoleBytes || now.reads > before.reads) return false;
    // A paused machine is inactive as well, so the wait starts again.
  } while (!(await isRunning(machine)));
  signal.throwIfAborted();
  emit({
    type: "warning",
    message: `The guest restarted, but its firmware did nothing for ${formatDuration(timeoutMs)}; resetting the machine once more`,
    hint: "There was no output on the serial console and no disk access. The host may be overloaded.",
  });
  await machine.qmp.execute("system_reset");
  return true;
}

/**
 * Watches every restart that the guest requests until the machine ends or shuts down. Each is
 * followed by at most one more reset, since resets by QEMU itself are not watched.
 * @returns a function to call when the guest has answered in another way, such as over SSH.
 */
export function watchRestarts(machine: RunningMachine, options: RestartWatchOptions): () => void {
  let current = new AbortController();
  const stop = (): void => current.abort();
  const unsubscribe = machine.onEvent(({ event, data }) => {
    if (event === "SHUTDOWN") stop();
    if (event !== "RESET" || data["guest"] !== true) return;
    stop();
    current = new AbortController();
    // The wait ends with the machine or when it is cancelled. The error is ignored because other
    // users of the machine report what is wrong.
    resetIfSilent(machine, options, current.signal).catch(() => {});
  });
  void machine.ended.then(() => {
    unsubscribe();
    stop();
  });
  return stop;
}
