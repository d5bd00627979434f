/** Ends a machine: gently, then with a deadline, then by force, and says which way worked. */
import type { Emit, StopMethod } from "../events/types.js";
import type { MachineEnd, RunningMachine } from "./machine.js";

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

async function endedWithin(machine: RunningMachine, milliseconds: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), milliseconds);
  });
  try {
    return await Promise.race([machine.ended.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Way {
  readonly method: StopMethod;
  readonly deadline: number;
  readonly ask: () => Promise<unknown>;
}

/**
 * Stops a machine for good.
 * @param poweroff asks the guest over SSH; leave it out when there is no connection, and the
 *   guest's disk may be cut off in the middle of something when it ignores the power button.
 * @param emit says why a way was given up, and which one worked.
 */
export async function stopMachine(
  machine: RunningMachine,
  emit: Emit,
  poweroff?: () => Promise<void>,
  deadlines: StopDeadlines = DEFAULT_STOP_DEADLINES,
): Promise<StopResult> {
  const started = performance.now();
  machine.expectEnd();
  const powerdown = () => machine.qmp.execute("system_powerdown");
  const quit = () => machine.qmp.execute("quit");
  const ways: Way[] = [
    ...(poweroff ? [{ method: "ssh" as const, deadline: deadlines.guest, ask: poweroff }] : []),
    { method: "acpi", deadline: deadlines.guest, ask: powerdown },
    { method: "quit", deadline: deadlines.quit, ask: quit },
  ];
  const stopped = (method: StopMethod): StopResult => {
    const durationMs = performance.now() - started;
    machine.qmp.close();
    emit({ type: "machine.stopped", method, durationMs });
    return { method, durationMs };
  };
  for (const way of ways) {
    // A way that fails is one that did not work: the next, harder one follows.
    const asked = way.ask().then(
      () => true,
      () => false,
    );
    const accepted = await Promise.race([asked, machine.ended.then(() => true)]);
    if (accepted && (await endedWithin(machine, way.deadline))) return stopped(way.method);
    emit({ type: "warning", message: `${WAY_NAMES[way.method]} did not stop the machine` });
  }
  await machine.kill();
  return stopped("kill");
}

const WAY_NAMES: Record<StopMethod, string> = {
  ssh: "poweroff over SSH",
  acpi: "the power button (QMP system_powerdown)",
  quit: "QMP quit",
  kill: "SIGKILL",
  guest: "the guest",
};

/** Ends a machine at once, without asking the guest: for a run that is cancelled. */
export async function quitMachine(machine: RunningMachine, emit: Emit): Promise<MachineEnd> {
  const started = performance.now();
  machine.expectEnd();
  // QEMU may be gone already, which is what is wanted.
  void machine.qmp.execute("quit").catch(() => {});
  const gentle = await endedWithin(machine, QUIT_DEADLINE_MS);
  const end = gentle ? await machine.ended : await machine.kill();
  machine.qmp.close();
  const durationMs = performance.now() - started;
  emit({ type: "machine.stopped", method: gentle ? "quit" : "kill", durationMs });
  return end;
}
