/** What a machine is made of, as the template and the host decide it together. */

/** How the guest's instructions are run. */
export type Accelerator = "kvm" | "tcg";

/** A machine, fully decided. Sizes are bytes. */
export interface MachineShape {
  /** The build's name; shown by `ps`. */
  readonly name: string;
  /** The QEMU program: a name on PATH or an absolute path. */
  readonly binary: string;
  readonly cpus: number;
  readonly memory: number;
  readonly accelerator: Accelerator;
  /** QEMU's CPU model. */
  readonly cpuModel: string;
  /** QEMU's machine type, such as `q35` or `pc`. */
  readonly machineType: string;
  readonly firmware: "bios" | "uefi";
  /** `isolated` cuts the guest off from everything but the builder. */
  readonly network: "user" | "isolated";
  /** Appended to the argument list as they are. */
  readonly extraArguments: readonly string[];
}

/** The files and the port that one start of a machine uses. Paths are absolute. */
export interface MachineFiles {
  /** The qcow2 disk that the guest writes to. */
  readonly disk: string;
  /** Read-only disks in raw format: the seed, for one. */
  readonly readOnlyDisks: readonly string[];
  /** ISO images that the guest gets as CDs. */
  readonly cds?: readonly string[];
  /** UEFI code and this machine's own copy of the variables. */
  readonly firmware?: { readonly code: string; readonly variables: string };
  readonly qmpSocket: string;
  readonly console: string;
  /** The port on 127.0.0.1 that leads to the guest's port 22. */
  readonly sshPort: number;
  /** Further ports on 127.0.0.1 that lead into the guest. */
  readonly forwards?: readonly { readonly host: number; readonly guest: number }[];
  /** The guest's address in 10.0.2.0/24, to which forwards lead; 10.0.2.15 unless given. */
  readonly guestAddress?: string;
}

/**
 * x86-64-v2, which today's distributions ask for, and no more: with `max` a guest picks code for
 * wide vectors and five-level page tables, which are slower to emulate (a Debian guest took 15 %
 * longer to SSH).
 */
const TCG_CPU_MODEL = "qemu64,ssse3=on,sse4.1=on,sse4.2=on,popcnt=on,cx16=on,lahf-lm=on";

/** The CPU model where a template names none: all that the host has, or what is fast to emulate. */
export function defaultCpuModel(accelerator: Accelerator): string {
  return accelerator === "kvm" ? "host" : TCG_CPU_MODEL;
}
