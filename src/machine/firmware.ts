/** Finds UEFI firmware on this host, and gives each machine variables of its own. */
import { copyFile } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";

/**
 * Where distributions put OVMF: Debian and Ubuntu (4M, then the older 2M), Fedora and its
 * relatives, Arch, openSUSE. Without secure boot: its machines refuse unsigned modules.
 */
const CANDIDATES = [
  ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
  ["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
  ["/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"],
  ["/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"],
  ["/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"],
] as const;

/** UEFI firmware as files: code that all machines share, and the template of their variables. */
export interface UefiFirmware {
  readonly code: string;
  readonly variablesTemplate: string;
}

/** The host's UEFI firmware, or undefined when it has none. */
export async function findUefi(): Promise<UefiFirmware | undefined> {
  for (const [code, variablesTemplate] of CANDIDATES) {
    if ((await statIfThere(code)) && (await statIfThere(variablesTemplate))) {
      return { code, variablesTemplate };
    }
  }
  return undefined;
}

/**
 * Finds the firmware that a machine needs.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when UEFI is wanted and not installed.
 */
export async function requireUefi(): Promise<UefiFirmware> {
  const found = await findUefi();
  if (found) return found;
  throw new VmbuildError("HOST_PROGRAM_MISSING", "UEFI firmware (OVMF) is not installed", {
    hint: "Debian and Ubuntu: apt-get install ovmf. Fedora: dnf install edk2-ovmf.",
  });
}

/** Makes a machine's own copy of the variables, at `path`. */
export async function copyVariables(firmware: UefiFirmware, path: string): Promise<void> {
  await copyFile(firmware.variablesTemplate, path);
}
