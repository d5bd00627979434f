/** Description of a machine: its shape, and the files and ports of one start of it. */
import { z } from "zod";

/** How the guest's instructions are executed. */
export type Accelerator = "kvm" | "tcg";

/**
 * Schema of a machine with every choice made. Records of checkpoints hold a shape, so that the
 * same machine can be started again. Sizes are bytes.
 */
export const machineShapeSchema = z
  .object({
    /** The build's name; shown by `ps`. */
    name: z.string(),
    /** The QEMU program: a name on PATH or an absolute path. */
    binary: z.string(),
    cpus: z.number(),
    memory: z.number(),
    accelerator: z.enum(["kvm", "tcg"]),
    /** QEMU's CPU model. */
    cpuModel: z.string(),
    /** QEMU's machine type, such as `q35` or `pc`. */
    machineType: z.string(),
    firmware: z.enum(["bios", "uefi"]),
    /** `isolated` cuts the guest off from everything but the build. */
    network: z.enum(["user", "isolated"]),
    /** Appended to QEMU's argument list as they are. */
    extraArguments: z.array(z.string()).readonly(),
  })
  .readonly();

/** A machine with every choice made. Sizes are bytes. */
export type MachineShape = z.infer<typeof machineShapeSchema>;

/** A machine before its accelerator is chosen, on which the CPU model may depend. */
export interface MachinePlan extends Omit<MachineShape, "accelerator" | "cpuModel"> {
  /** Undefined for the accelerator's default. */
  readonly cpuModel: string | undefined;
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
const EMULATED = "qemu64,ssse3=on,sse4.1=on,sse4.2=on,popcnt=on,cx16=on,lahf-lm=on";

/** Returns the default CPU model: the host's under KVM, one that is fast to emulate otherwise. */
export function defaultCpuModel(accelerator: Accelerator): string {
  return accelerator === "kvm" ? "host" : EMULATED;
}

/** Completes a machine with its accelerator. */
export function completeShape(plan: MachinePlan, accelerator: Accelerator): MachineShape {
  return { ...plan, accelerator, cpuModel: plan.cpuModel ?? defaultCpuModel(accelerator) };
}
