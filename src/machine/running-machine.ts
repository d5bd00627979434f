/** Interface of a running machine and of its exit. */
import type { Qmp, QmpEvent } from "./qmp.js";

/** Exit of QEMU. */
export interface MachineEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** True when the guest powered itself off or requested it. */
  readonly byGuest: boolean;
  /** Last lines that QEMU printed. */
  readonly lastLines: readonly string[];
}

/** Running machine. Disposing of it kills it; `stop.ts` stops it gracefully. */
export interface RunningMachine extends AsyncDisposable {
  readonly pid: number;
  readonly sshPort: number;
  /** Ports of 127.0.0.1 by the port of the guest that each leads to; port 22 is `sshPort`. */
  readonly ports: ReadonlyMap<number, number>;
  readonly arguments: readonly string[];
  /** True when QMP's `system_powerdown` reaches the guest. */
  readonly hasPowerButton: boolean;
  /** Node names of the disks that the guest writes to, the root disk first. */
  readonly disks: readonly string[];
  readonly qmp: Qmp;
  /** Aborts with MACHINE_DIED when QEMU exits unexpectedly. */
  readonly death: AbortSignal;
  /** Resolves when QEMU has exited for any reason. Never rejects. */
  readonly ended: Promise<MachineEnd>;
  /** Number of restarts that the guest requested. */
  readonly resets: number;
  /** Calls the listener for each QMP event from now on. Returns a function that removes it. */
  onEvent(listener: (event: QmpEvent) => void): () => void;
  /** Records that the guest answered, which ends the wait for firmware activity after a restart. */
  guestAnswered(): void;
  /** Declares that an exit from now on is intended, so `death` does not abort. */
  expectEnd(): void;
  /** Sends SIGKILL. Idempotent. */
  kill(): Promise<MachineEnd>;
}
