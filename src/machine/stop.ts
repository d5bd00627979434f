/**
 * Stops a machine: gracefully at first, then by force after a time limit, and reports which method
 * worked.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Emit, StopMethod } from "../events/types.js";
import { deathError } from "./machine.js";
import type { MachineEnd, RunningMachine } from "./running-machine.js";

/** Time limits of the methods. Milliseconds. */
export interface StopDeadlines {
  /** For a guest that was asked to power off, over SSH and then by the power button. */
  readonly guest: number;
  /** For QEMU to exit after `quit`. */
  readonly quit: number;
}

/** Method that stopped the machine, and how long it took. */
export interface StopResult {
  readonly method: StopMethod;
  readonly durationMs: number;
}

const QUIT_DEADLINE_MS = 5000;

/** Time limits for a template that sets none. */
export const DEFAULT_STOP_DEADLINES: StopDeadlines = { guest: 120_000, quit: QUIT_DEADLINE_MS };

/** Options of a graceful stop. */
export interface StopOptions {
  /** Emits a warning for each method that failed, and the event for the one that worked. */
  readonly emit: Emit;
  /** Cancels the wait. The machine keeps running then. */
  readonly signal: AbortSignal;
  /**
   * Asks the guest to power off over SSH. Without it, a guest that ignores the power button loses
   * power while it may be writing.
   */
  readonly poweroff?: () => Promise<void>;
  readonly deadlines?: StopDeadlines;
}

/** Waits for the machine's exit; undefined when the time limit passed first. */
async function waitForEnd(
  machine: RunningMachine,
  milliseconds: number,
  signal?: AbortSignal,
): Promise<MachineEnd | undefined> {
  const over = new AbortController();
  const either = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
  const late = delay(milliseconds, undefined, { signal: either });
  try {
    return await Promise.race([machine.ended, late]);
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    over.abort();
  }
}

interface StopStrategy {
  readonly method: StopMethod;
  readonly deadline: number;
  readonly request: () => Promise<unknown>;
}

/**
 * Stops a machine.
 * @throws {VmbuildError} MACHINE_DIED when QEMU was killed meanwhile, in which case the disk may
 *   lack the guest's last writes; the signal's reason when it aborted.
 */
export async function stopMachine(
  machine: RunningMachine,
  options: StopOptions,
): Promise<StopResult> {
  const { emit, signal, poweroff, deadlines = DEFAULT_STOP_DEADLINES } = options;
  const started = performance.now();
  machine.expectEnd();
  const powerdown = () => machine.qmp.execute("system_powerdown");
  const quit = () => machine.qmp.execute("quit");
  const strategies: StopStrategy[] = [
    ...(poweroff ? [{ method: "ssh" as const, deadline: deadlines.guest, request: poweroff }] : []),
    ...(machine.hasPowerButton
      ? [{ method: "acpi" as const, deadline: deadlines.guest, request: powerdown }]
      : []),
    { method: "quit", deadline: deadlines.quit, request: quit },
  ];
  const stopped = (method: StopMethod): StopResult => {
    const durationMs = performance.now() - started;
    machine.qmp.close();
    emit({ type: "machine.stopped", method, durationMs });
    return { method, durationMs };
  };
  for (const strategy of strategies) {
    // A request that fails counts as one that did not work, and the next method follows.
    const requested = strategy.request().then(
      () => true,
      () => false,
    );
    const accepted = await Promise.race([requested, machine.ended.then(() => true)]);
    signal.throwIfAborted();
    const end = accepted ? await waitForEnd(machine, strategy.deadline, signal) : undefined;
    if (end?.signal) throw deathError(end);
    if (end) return stopped(strategy.method);
    emit({
      type: "warning",
      message: `${STRATEGY_NAMES[strategy.method]} did not stop the machine`,
    });
  }
  await machine.kill();
  return stopped("kill");
}

const STRATEGY_NAMES: Record<StopMethod, string> = {
  ssh: "poweroff over SSH",
  acpi: "the power button (QMP system_powerdown)",
  quit: "QMP quit",
  kill: "SIGKILL",
};

/** Stops a machine at once without asking the guest, for a run that was cancelled. */
export async function quitMachine(machine: RunningMachine, emit: Emit): Promise<MachineEnd> {
  const started = performance.now();
  machine.expectEnd();
  // If QEMU has exited already, nothing is left to do.
  void machine.qmp.execute("quit").catch(() => {});
  const gentle = await waitForEnd(machine, QUIT_DEADLINE_MS);
  const end = gentle ? await machine.ended : await machine.kill();
  machine.qmp.close();
  const durationMs = performance.now() - started;
  emit({ type: "machine.stopped", method: gentle ? "quit" : "kill", durationMs });
  return end;
}
