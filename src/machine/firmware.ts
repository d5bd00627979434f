/** Finds UEFI firmware on this host and copies its variable store for each machine. */
import { copyFile } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";

/**
 * Paths of OVMF in distributions: Debian and Ubuntu (4M, then the older 2M), Fedora and relatives,
 * Arch, openSUSE. All without secure boot, which would refuse unsigned kernel modules.
 */
const CANDIDATES = [
  ["/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"],
  ["/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"],
  ["/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"],
  ["/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"],
  ["/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"],
] as const;

/** UEFI firmware files: the code, which machines share, and the template of the variable store. */
export interface UefiFirmware {
  readonly code: string;
  readonly variablesTemplate: string;
}

/** Finds the host's UEFI firmware; undefined when none is installed. */
export async function findUefi(): Promise<UefiFirmware | undefined> {
  for (const [code, variablesTemplate] of CANDIDATES) {
    if ((await statIfThere(code)) && (await statIfThere(variablesTemplate))) {
      return { code, variablesTemplate };
    }
  }
  return undefined;
}

/**
 * Finds the host's UEFI firmware.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when it is not installed.
 */
export async function requireUefi(): Promise<UefiFirmware> {
  const found = await findUefi();
  if (found) return found;
  throw new VmbuildError("HOST_PROGRAM_MISSING", "UEFI firmware (OVMF) is not installed", {
    hint: "Debian and Ubuntu: apt-get install ovmf. Fedora: dnf install edk2-ovmf.",
  });
}

/** Copies the variable store for one machine to `path`. */
export async function copyVariables(
  { variablesTemplate }: Pick<UefiFirmware, "variablesTemplate">,
  path: string,
): Promise<void> {
  await copyFile(variablesTemplate, path);
}
