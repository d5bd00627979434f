/**
 * Notices a machine whose firmware stays silent after the guest restarted, and resets it once
 * more. Firmware that hangs has read nothing from the guest's disks, so that nothing is lost.
 */
import { stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { systemCode } from "../errors.js";
import type { Emit } from "../events/types.js";
import { formatDuration } from "../host/format.js";
import type { RunningMachine } from "./running-machine.js";
import type { Accelerator } from "./shape.js";

/**
 * Time that firmware gets from a restart to its first sign of life, in milliseconds. Emulated
 * UEFI firmware needs 4 s of processor time for that; on a host with ten runnable threads per
 * core it was seen to take a minute.
 */
const PATIENCE_MS: Record<Accelerator, number> = { kvm: 60_000, tcg: 180_000 };

/** Time that a machine's firmware gets, in milliseconds. */
export const restartPatience = (accelerator: Accelerator): number => PATIENCE_MS[accelerator];

/** What a watch needs to know of its machine. */
export interface RestartWatchOptions {
  /** The file with the guest's serial console. */
  readonly console: string;
  readonly emit: Emit;
  readonly patienceMs: number;
  /** Waits for that long; rejects when the signal aborts. */
  readonly wait?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>;
}

/** Whatever grows when a guest does something: bytes on its console, reads from its disks. */
interface SignsOfLife {
  readonly consoleBytes: number;
  readonly reads: number;
}

/** A part of the answer of `query-blockstats` (qapi/block-core.json, BlockStats). */
interface BlockStats {
  readonly stats: { readonly rd_operations: number };
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return 0;
    throw error;
  }
}

async function lookAt(machine: RunningMachine, console: string): Promise<SignsOfLife> {
  const [consoleBytes, blocks] = await Promise.all([
    sizeOf(console),
    machine.qmp.execute<BlockStats[]>("query-blockstats"),
  ]);
  return { consoleBytes, reads: blocks.reduce((sum, { stats }) => sum + stats.rd_operations, 0) };
}

/** Nothing is kept from ending by this. */
const waitFor = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  delay(milliseconds, undefined, { signal, ref: false });

async function isRunning(machine: RunningMachine): Promise<boolean> {
  return (await machine.qmp.execute<{ running: boolean }>("query-status")).running;
}

/**
 * Waits for a sign of life after one restart, and resets the machine where there is none.
 * @returns Whether it was reset.
 * @throws {VmbuildError} MACHINE_QMP when QEMU has gone.
 */
export async function resetIfSilent(
  machine: RunningMachine,
  options: RestartWatchOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { console, emit, patienceMs, wait = waitFor } = options;
  const before = await lookAt(machine, console);
  do {
    await wait(patienceMs, signal);
    const now = await lookAt(machine, console);
    if (now.consoleBytes > before.consoleBytes || now.reads > before.reads) return false;
    // A machine that is paused says nothing either.
  } while (!(await isRunning(machine)));
  signal.throwIfAborted();
  emit({
    type: "warning",
    message: `The guest restarted, but its firmware did nothing for ${formatDuration(patienceMs)}; resetting the machine once more`,
    hint: "There was no output on the serial console and no disk access. The host may be overloaded.",
  });
  await machine.qmp.execute("system_reset");
  return true;
}

/**
 * Watches every restart that the guest asks for, until the machine ends or is about to. Each is
 * followed by one more reset at most, since QEMU's own resets are not watched.
 * @returns What to call when the guest has answered in another way, such as over SSH.
 */
export function watchRestarts(machine: RunningMachine, options: RestartWatchOptions): () => void {
  let current = new AbortController();
  const stop = (): void => current.abort();
  const unsubscribe = machine.onEvent(({ event, data }) => {
    if (event === "SHUTDOWN") stop();
    if (event !== "RESET" || data["guest"] !== true) return;
    stop();
    current = new AbortController();
    // It ends with the machine, or when it is stopped; whoever uses the machine says what is wrong.
    resetIfSilent(machine, options, current.signal).catch(() => {});
  });
  void machine.ended.then(() => {
    unsubscribe();
    stop();
  });
  return stop;
}
