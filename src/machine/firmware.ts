/** Finds UEFI firmware on this host and copies its variable store for each machine. */
import { copyFile } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { SECURE_BOOT_FIRMWARE } from "./secure-boot.js";
import type { MachineShape } from "./shape.js";

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

/** What a machine needs of its firmware. */
export type FirmwareNeeds = Pick<MachineShape, "firmware" | "secureBoot" | "uefiFiles">;

/**
 * Finds the UEFI firmware for a machine; undefined when none is installed. Without `needs`, any
 * without secure boot.
 */
export async function findUefi(
  needs: Omit<FirmwareNeeds, "firmware"> = {},
): Promise<UefiFirmware | undefined> {
  const { uefiFiles: own, secureBoot } = needs;
  const candidates = own
    ? [[own.code, own.variables] as const]
    : secureBoot
      ? SECURE_BOOT_FIRMWARE
      : CANDIDATES;
  for (const [code, variablesTemplate] of candidates) {
    if ((await statIfThere(code)) && (await statIfThere(variablesTemplate))) {
      return { code, variablesTemplate };
    }
  }
  return undefined;
}

async function missingFirmware({ uefiFiles, secureBoot }: FirmwareNeeds): Promise<VmbuildError> {
  if (uefiFiles) {
    const { code, variables } = uefiFiles;
    const path = (await statIfThere(code)) ? variables : code;
    const hint = "Correct machine.firmware; its paths are relative to the template.";
    return new VmbuildError("INPUT_MISSING", `The firmware file ${path} does not exist`, { hint });
  }
  const what = secureBoot
    ? "UEFI firmware for secure boot (OVMF with Microsoft's keys)"
    : "UEFI firmware (OVMF)";
  return new VmbuildError("HOST_PROGRAM_MISSING", `${what} is not installed`, {
    hint: "Debian and Ubuntu: apt-get install ovmf. Fedora: dnf install edk2-ovmf.",
  });
}

/**
 * Finds the UEFI firmware for a machine; undefined for a machine with BIOS.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when it is not installed; INPUT_MISSING when a file of
 *   the template does not exist.
 */
export async function requireUefi(needs: FirmwareNeeds): Promise<UefiFirmware | undefined> {
  if (needs.firmware === "bios") return undefined;
  const found = await findUefi(needs);
  if (found) return found;
  throw await missingFirmware(needs);
}

/** Copies the variable store for one machine to `path`. */
export async function copyVariables(
  { variablesTemplate }: Pick<UefiFirmware, "variablesTemplate">,
  path: string,
): Promise<void> {
  await copyFile(variablesTemplate, path);
}
