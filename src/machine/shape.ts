/** Types that describe a machine: its shape, and the files of one start. */

/** Accelerator that runs the guest's instructions. */
export type Accelerator = "kvm" | "tcg";

/** Fully resolved machine configuration. Sizes are bytes. */
export interface MachineShape {
  /** Name of the build, shown by `ps`. */
  readonly name: string;
  /** QEMU program: a name on PATH or an absolute path. */
  readonly binary: string;
  readonly cpus: number;
  readonly memory: number;
  readonly accelerator: Accelerator;
  /** QEMU's CPU model. */
  readonly cpuModel: string;
  /** QEMU's machine type, such as `q35` or `pc`. */
  readonly machineType: string;
  readonly firmware: "bios" | "uefi";
  /** `isolated` blocks all of the guest's traffic except the build's own connections. */
  readonly network: "user" | "isolated";
  /** Appended to the argument list unchanged. */
  readonly extraArguments: readonly string[];
}

/** Files and ports of one start of a machine. Paths are absolute. */
export interface MachineFiles {
  /** qcow2 disk that the guest writes to. */
  readonly disk: string;
  /** Read-only disks in raw format, such as the seed. */
  readonly readOnlyDisks: readonly string[];
  /** ISO images that the guest sees as CDs. */
  readonly cds?: readonly string[];
  /** UEFI code, and this machine's own copy of the variable store. */
  readonly firmware?: { readonly code: string; readonly variables: string };
  readonly qmpSocket: string;
  readonly console: string;
  /** Port on 127.0.0.1 that is forwarded to the guest's port 22. */
  readonly sshPort: number;
  /** Further ports on 127.0.0.1 that are forwarded to the guest. */
  readonly forwards?: readonly { readonly host: number; readonly guest: number }[];
  /** Address of the guest in 10.0.2.0/24, to which ports are forwarded; 10.0.2.15 unless given. */
  readonly guestAddress?: string;
}

/**
 * CPU model for emulation: x86-64-v2, which current distributions require, and no more. With `max`,
 * a guest uses wide vectors and five-level page tables, which are slower to emulate (a Debian guest
 * took 15 % longer to reach SSH).
 */
const TCG_CPU_MODEL = "qemu64,ssse3=on,sse4.1=on,sse4.2=on,popcnt=on,cx16=on,lahf-lm=on";

/**
 * Returns the CPU model for a template that sets none: the host's own, or one that is fast to
 * emulate.
 */
export function defaultCpuModel(accelerator: Accelerator): string {
  return accelerator === "kvm" ? "host" : TCG_CPU_MODEL;
}
