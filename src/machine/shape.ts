/** Description of a machine: its shape, and the files and ports of one start of it. */
import { z } from "zod";
import {
  ARCHITECTURE_NAMES,
  DEFAULT_ARCHITECTURE,
  architectureNamed,
} from "./architectures/registry.js";
import type { ArchitectureName } from "./architectures/registry.js";
import { DISK_BUSES } from "./disk-bus.js";
import { DISPLAYS } from "./display.js";
import { extraDiskSchema } from "./extra-disks.js";
import { networkCardSchema } from "./networks.js";

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
    /** Architecture of the guest. Records of earlier versions have none. */
    arch: z.enum(ARCHITECTURE_NAMES).default(DEFAULT_ARCHITECTURE.name),
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
    /** UEFI files of the template, in place of the host's. Absolute paths. */
    uefiFiles: z.object({ code: z.string(), variables: z.string() }).readonly().optional(),
    /** True when the firmware starts only signed boot loaders. */
    secureBoot: z.boolean().optional(),
    /** True when the machine has a TPM. */
    tpm: z.boolean().optional(),
    /** Graphics card, where the machine has one. */
    display: z.enum(DISPLAYS).optional(),
    /** Bus of the disk. Records of earlier versions have none. */
    diskBus: z.enum(DISK_BUSES).default("virtio"),
    /** Disks beside the root disk. */
    disks: z.array(extraDiskSchema).readonly().optional(),
    /** Network of the build; `isolated` cuts the guest off from everything but the build. */
    network: z.enum(["user", "isolated"]),
    /** All network cards, that of the build among them; one with the defaults unless given. */
    networks: z.array(networkCardSchema).readonly().optional(),
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

/** Files and ports of one start of a machine. Paths are absolute. */
export interface MachineFiles {
  /** qcow2 disk that the guest writes to. */
  readonly disk: string;
  /** Folder with the qcow2 files of the machine's further disks. */
  readonly disksFolder?: string;
  /** Control socket of the machine's TPM. */
  readonly tpmSocket?: string;
  /** Read-only disks in raw format, such as the seed. */
  readonly readOnlyDisks: readonly string[];
  /** ISO images that the guest sees as CDs. */
  readonly cds?: readonly string[];
  /**
   * Controller of the CDs: `virtio-scsi` unless given, and on machine types that have no SATA.
   * Installers expect `sata`.
   */
  readonly cdBus?: "virtio-scsi" | "sata";
  /** Folder whose files the guest sees on a read-only floppy disk. */
  readonly floppy?: { readonly folder: string; readonly label?: string };
  /** Linux kernel that QEMU loads itself at every start, in place of the boot loader of a disk. */
  readonly kernel?: DirectKernel;
  /** Files that the guest can read from the firmware's configuration device, by their names. */
  readonly firmwareFiles?: readonly { readonly name: string; readonly path: string }[];
  /** File with a string for the SMBIOS table of type 11, from which systemd takes credentials. */
  readonly smbiosString?: string;
  /** Further strings for that table, which all users of this host can read. */
  readonly smbiosValues?: readonly string[];
  /** Adds a graphics card, so that the machine has a screen. */
  readonly hasScreen?: boolean;
  /** Ends the machine when the guest restarts. */
  readonly endsAtRestart?: boolean;
  /** UEFI code, and this machine's own copy of the variable store. */
  readonly firmware?: { readonly code: string; readonly variables: string };
  readonly qmpSocket: string;
  readonly console: string;
  /** Port on 127.0.0.1 that is forwarded to the guest's port 22. */
  readonly sshPort: number;
  /** Port of the guest's own SSH server; 22 unless given. */
  readonly guestSshPort?: number;
  /** Further ports on 127.0.0.1 that are forwarded to the guest. */
  readonly forwards?: readonly { readonly host: number; readonly guest: number }[];
  /** Address of the guest in 10.0.2.0/24, to which ports are forwarded; 10.0.2.15 unless given. */
  readonly guestAddress?: string;
}

/** Linux kernel for QEMU's `-kernel`. Paths are absolute. */
export interface DirectKernel {
  readonly kernel: string;
  readonly initrd?: string;
  /** The kernel's parameters. */
  readonly commandLine: string;
}

/** Returns the default CPU model: the host's under KVM, one that is fast to emulate otherwise. */
export function defaultCpuModel(
  accelerator: Accelerator,
  arch: ArchitectureName = DEFAULT_ARCHITECTURE.name,
): string {
  return architectureNamed(arch).cpuModels[accelerator];
}

/** Completes a machine with its accelerator. */
export function completeShape(plan: MachinePlan, accelerator: Accelerator): MachineShape {
  return {
    ...plan,
    accelerator,
    cpuModel: plan.cpuModel ?? defaultCpuModel(accelerator, plan.arch),
  };
}
