/**
 * Defines what depends on a guest's architecture. Each architecture has one file in this folder;
 * `registry.ts` lists them.
 */
import type { ProgramName } from "../../host/programs.js";

/** Devices of a machine type, as far as vmbuild uses them. */
export interface Board {
  /** Options of QEMU's `-machine` besides the type. */
  readonly options: readonly string[];
  /** True where a disk can be plugged only into a PCI Express root port. */
  readonly needsRootPort: boolean;
  /** Undefined where the machine type has no controller for SATA or IDE drives. */
  readonly drivePorts?: DrivePorts;
  /** Arguments for a controller of floppy disks; undefined where there can be none. */
  readonly floppyController?: readonly string[];
  /** QEMU's device for each graphics card that the machine type can have. */
  readonly displays: Readonly<Partial<Record<Display, string>>>;
  /** Graphics card that firmware and installers can use. */
  readonly defaultDisplay: Display;
  /** Arguments for a keyboard, where the machine type has none of its own. */
  readonly keyboard: readonly string[];
  /** Undefined where the machine type does not support UEFI secure boot. */
  readonly secureBoot?: SecureBootSetup;
  /** QEMU's device for a TPM. */
  readonly tpmDevice: string;
  /** True where the guest finds an SMBIOS table with strings for systemd. */
  readonly hasSmbios: boolean;
  /** True where QMP's `system_powerdown` reaches the guest. */
  readonly hasPowerButton: boolean;
}

/** SATA or IDE ports of a machine type. */
export interface DrivePorts {
  /** Number of drives. */
  readonly count: number;
  /** Returns the properties by which a drive is connected to a port; the first port is 0. */
  propertiesOf(port: number): string;
}

/** What UEFI secure boot adds to QEMU's arguments. */
export interface SecureBootSetup {
  /** Options of `-machine`. */
  readonly options: readonly string[];
  /** Further arguments. */
  readonly arguments: readonly string[];
}

/** UEFI firmware on this host, as packages of distributions install it. */
export interface UefiCandidate {
  readonly code: string;
  /** Template of the variable store. Undefined for firmware that keeps no variables. */
  readonly variablesTemplate?: string;
}

/** Where UEFI firmware is found, and how a machine gets it. */
export interface UefiSupport {
  /** Name in messages, such as `OVMF`. */
  readonly name: string;
  /** Files to look for, in this order. */
  readonly candidates: readonly UefiCandidate[];
  /**
   * Files with support for secure boot, and with Microsoft's keys. Undefined where there is no such
   * firmware.
   */
  readonly secureBootCandidates?: readonly UefiCandidate[];
  /** True where a template can bring its own files. */
  readonly takesFiles: boolean;
  /** Debian package that contains the first candidate. */
  readonly package: string;
  /** How to install it on the common distributions. */
  readonly hint: string;
  /** Returns the arguments that load it. Paths are absolute. */
  arguments(firmware: { readonly code: string; readonly variables: string }): string[];
}

/** Boot loaders that Microsoft (shim) and Debian (GRUB) have signed. */
export interface SignedLoaders {
  readonly packages: readonly string[];
  /** Absolute path of the shim, which UEFI starts as {@link DebianPort.efiLoader}. */
  readonly shim: string;
  /** Absolute paths of what the shim loads, by the names for which it looks in its own folder. */
  readonly beside: Readonly<Record<string, string>>;
}

/** Names and packages in Debian, for bases that are created from packages. */
export interface DebianPort {
  /** Name of the port: `amd64`. */
  readonly name: string;
  /** Kernel and boot loader. */
  readonly packages: readonly string[];
  /** GRUB's platform for UEFI: `x86_64-efi`. */
  readonly efiPlatform: string;
  /** Name by which UEFI finds a boot loader on its own (UEFI specification, 3.5.1.1). */
  readonly efiLoader: string;
  /** Undefined where Debian has no signed boot loaders. */
  readonly signedLoaders?: SignedLoaders;
  /** GRUB's platform for a BIOS; undefined where there is none. */
  readonly biosPlatform?: string;
  /** GRUB's terminals, in the order of `terminal_output`. */
  readonly grubTerminals: readonly string[];
  /** Partition type of the root file system (discoverable partitions specification). */
  readonly rootPartitionType: string;
  /** Name of the processor in QEMU's user emulation, as in `qemu-aarch64-static`. */
  readonly userEmulation: string;
}

/** Very small guest with which KVM is tested. */
export interface ProbeGuest {
  /** Content of the file that the machine starts. */
  readonly image: () => Buffer;
  /** Returns QEMU's arguments for the machine, except the accelerator and the CPU model. */
  arguments(image: string): string[];
  /** Exit code of QEMU when the guest has run. */
  readonly success: number;
}

/** Architecture of guests. `N` is its name. */
export interface Architecture<N extends string = string> {
  /** Value of `machine.arch` in a template; as `uname -m` prints it. */
  readonly name: N;
  /** Value of Node's `process.arch` on hosts whose KVM runs such guests. */
  readonly hostArch: string;
  /** QEMU's program. */
  readonly binary: ProgramName;
  /** Default of `machine.type`. */
  readonly machineType: string;
  /** Default CPU models. */
  readonly cpuModels: { readonly kvm: string; readonly tcg: string };
  /** Supported values of `machine.firmware`; the first is the default. */
  readonly firmwares: readonly [Firmware, ...Firmware[]];
  readonly uefi: UefiSupport;
  /** Name of the serial console's device in Linux. */
  readonly console: string;
  /** Lines of the console with which firmware or boot loader report that nothing can be started. */
  readonly bootFailures: readonly RegExp[];
  readonly debian: DebianPort;
  readonly probe: ProbeGuest;
  /** Returns the devices of a machine type. */
  boardOf(machineType: string): Board;
}

/** Kind of firmware in a template. */
export type Firmware = "bios" | "uefi";

/** Graphics card in a template. */
export type Display = "std" | "virtio";

/** Returns the arguments that load UEFI code and variables from two flash devices. */
export function flashArguments(firmware: {
  readonly code: string;
  readonly variables: string;
}): string[] {
  // Option syntax of QEMU: two commas stand for one.
  const path = (value: string): string => value.replaceAll(",", ",,");
  const { code, variables } = firmware;
  return [
    ...["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${path(code)}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${path(variables)}`],
  ];
}

/** Devices of QEMU's machine type `virt`, which is nearly the same for all architectures. */
export const VIRT_BOARD: Board = {
  options: [],
  // Its PCI Express root bus has no hotplug.
  needsRootPort: true,
  // Firmware and installers have drivers for this card and keyboard; libvirt chooses them, too. The
  // firmware has none for VGA, whose memory KVM on Arm cannot show reliably.
  displays: { virtio: "virtio-gpu-pci" },
  defaultDisplay: "virtio",
  keyboard: ["-device", "qemu-xhci,id=usb", "-device", "usb-kbd,bus=usb.0"],
  // It has no TPM with the interface of the PC Client Platform TPM Profile.
  tpmDevice: "tpm-tis-device",
  hasSmbios: false,
  hasPowerButton: true,
};
