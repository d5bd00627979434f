/** A machine that runs, and its end. */
import type { Qmp, QmpEvent } from "./qmp.js";

/** How QEMU ended. */
export interface MachineEnd {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** The guest powered itself off, or asked for it. */
  readonly byGuest: boolean;
  /** The last lines that QEMU printed. */
  readonly words: readonly string[];
}

/** A machine that runs. Disposing of it ends it without ceremony; `stop.ts` does so gently. */
export interface RunningMachine extends AsyncDisposable {
  readonly pid: number;
  readonly sshPort: number;
  /** Leads to the guest's second port. */
  readonly secondPort: number | undefined;
  readonly arguments: readonly string[];
  readonly qmp: Qmp;
  /** Aborts with MACHINE_DIED when QEMU ends although nobody asked it to. */
  readonly death: AbortSignal;
  /** Resolves when QEMU has ended, however it did. Never rejects. */
  readonly ended: Promise<MachineEnd>;
  /** How often the guest restarted it. */
  readonly resets: number;
  /** Calls back for each QMP event from now on. Returns what ends that. */
  onEvent(listener: (event: QmpEvent) => void): () => void;
  /** Tells that the guest answered; a sign of life after a restart is then not waited for any more. */
  guestAnswered(): void;
  /** From now on, its end is what is wanted. */
  expectEnd(): void;
  /** SIGKILL. Idempotent. */
  kill(): Promise<MachineEnd>;
}
