/**
 * Sets up a machine for UEFI secure boot. The firmware protects its variable store from the guest's
 * kernel with system management mode (SMM), which only the machine type q35 has.
 */
import type { MachineShape } from "./shape.js";

/**
 * Paths of OVMF with SMM, and of variable stores with Microsoft's keys: Debian and Ubuntu (4M, then
 * the older 2M), Fedora and relatives, openSUSE. Arch has no such variable store.
 */
export const SECURE_BOOT_FIRMWARE = [
  ["/usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "/usr/share/OVMF/OVMF_VARS_4M.ms.fd"],
  ["/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.ms.fd"],
  ["/usr/share/OVMF/OVMF_CODE.secboot.fd", "/usr/share/OVMF/OVMF_VARS.secboot.fd"],
  ["/usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "/usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"],
  ["/usr/share/qemu/ovmf-x86_64-smm-ms-code.bin", "/usr/share/qemu/ovmf-x86_64-smm-ms-vars.bin"],
] as const;

type SecureBoot = Pick<MachineShape, "secureBoot">;

/** Returns what secure boot adds to the value of `-machine`. */
export function secureBootMachine({ secureBoot }: SecureBoot): string {
  return secureBoot ? ",smm=on" : "";
}

/**
 * Returns QEMU's further arguments for secure boot: the flash memory accepts writes only in SMM. No
 * suspend to RAM: OVMF's resume code with SMM is 32-bit only.
 */
export function secureBootArguments({ secureBoot }: SecureBoot): string[] {
  if (!secureBoot) return [];
  return [
    ...["-global", "driver=cfi.pflash01,property=secure,value=on"],
    ...["-global", "ICH9-LPC.disable_s3=1"],
  ];
}
