/** Ends a machine: gently, then with a deadline, then by force, and says which way worked. */
import { setTimeout as delay } from "node:timers/promises";
import type { Emit, StopMethod } from "../events/types.js";
import { deathError } from "./machine.js";
import type { MachineEnd, RunningMachine } from "./running-machine.js";

/** How long each way may take. Milliseconds. */
export interface StopDeadlines {
  /** For a guest that was told to switch off, over SSH and then by the power button. */
  readonly guest: number;
  /** For QEMU to leave after `quit`. */
  readonly quit: number;
}

/** Who switched the machine off in the end. */
export interface StopResult {
  readonly method: StopMethod;
  readonly durationMs: number;
}

const QUIT_DEADLINE_MS = 5000;

/** The deadlines where a template sets none. */
export const DEFAULT_STOP_DEADLINES: StopDeadlines = { guest: 120_000, quit: QUIT_DEADLINE_MS };

/** What ending a machine gently needs. */
export interface StopOptions {
  /** Says why a way was given up, and which one worked. */
  readonly emit: Emit;
  /** Cancels the waiting; the machine then still runs. */
  readonly signal: AbortSignal;
  /**
   * Asks the guest over SSH. Without it, and when the guest ignores the power button too, its
   * disk may be cut off in the middle of something.
   */
  readonly poweroff?: () => Promise<void>;
  readonly deadlines?: StopDeadlines;
}

/** How the machine ended, or undefined when it did not in so many milliseconds. */
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
 * Stops a machine for good.
 * @throws {VmbuildError} MACHINE_DIED when QEMU was killed meanwhile: the disk may lack what the
 *   guest wrote last; the signal's reason when it aborted.
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
    { method: "acpi", deadline: deadlines.guest, request: powerdown },
    { method: "quit", deadline: deadlines.quit, request: quit },
  ];
  const stopped = (method: StopMethod): StopResult => {
    const durationMs = performance.now() - started;
    machine.qmp.close();
    emit({ type: "machine.stopped", method, durationMs });
    return { method, durationMs };
  };
  for (const strategy of strategies) {
    // A way that fails is one that did not work: the next, harder one follows.
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

/** Ends a machine at once, without asking the guest: for a run that is cancelled. */
export async function quitMachine(machine: RunningMachine, emit: Emit): Promise<MachineEnd> {
  const started = performance.now();
  machine.expectEnd();
  // QEMU may be gone already, which is what is wanted.
  void machine.qmp.execute("quit").catch(() => {});
  const gentle = await waitForEnd(machine, QUIT_DEADLINE_MS);
  const end = gentle ? await machine.ended : await machine.kill();
  machine.qmp.close();
  const durationMs = performance.now() - started;
  emit({ type: "machine.stopped", method: gentle ? "quit" : "kill", durationMs });
  return end;
}
