/** Finds UEFI firmware on this host and copies its variable store for each machine. */
import { copyFile, writeFile } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import type { UefiCandidate } from "./architectures/architecture.js";
import { architectureNamed } from "./architectures/registry.js";
import type { MachineShape } from "./shape.js";

/** UEFI firmware files: the code, which machines share, and the template of the variable store. */
export interface UefiFirmware {
  readonly code: string;
  /** Undefined for firmware that keeps no variables. */
  readonly variablesTemplate?: string | undefined;
}

/** What a machine needs of its firmware. */
export type FirmwareNeeds = Pick<MachineShape, "arch" | "firmware" | "secureBoot" | "uefiFiles">;

/** Returns the files to look for, in this order: the template's own, or those of distributions. */
export function uefiCandidates({
  arch,
  secureBoot,
  uefiFiles: own,
}: Omit<FirmwareNeeds, "firmware">): readonly UefiCandidate[] {
  if (own) return [{ code: own.code, variablesTemplate: own.variables }];
  const { uefi } = architectureNamed(arch);
  return secureBoot ? (uefi.secureBootCandidates ?? []) : uefi.candidates;
}

/** Finds the UEFI firmware for a machine; undefined when none is installed. */
export async function findUefi(
  needs: Omit<FirmwareNeeds, "firmware">,
): Promise<UefiFirmware | undefined> {
  for (const candidate of uefiCandidates(needs)) {
    const { code, variablesTemplate = code } = candidate;
    if ((await statIfThere(code)) && (await statIfThere(variablesTemplate))) return candidate;
  }
  return undefined;
}

async function missingFirmware(needs: FirmwareNeeds): Promise<VmbuildError> {
  const { arch, uefiFiles, secureBoot } = needs;
  if (uefiFiles) {
    const { code, variables } = uefiFiles;
    const path = (await statIfThere(code)) ? variables : code;
    const hint = "Correct machine.firmware; its paths are relative to the template.";
    return new VmbuildError("INPUT_MISSING", `The firmware file ${path} does not exist`, { hint });
  }
  const { name, hint } = architectureNamed(arch).uefi;
  const what = secureBoot
    ? `UEFI firmware for secure boot (${name} with Microsoft's keys)`
    : `UEFI firmware (${name})`;
  return new VmbuildError("HOST_PROGRAM_MISSING", `${what} is not installed`, { hint });
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

/** Copies the variable store for one machine to `path`; an empty file where there is none. */
export async function copyVariables(
  { variablesTemplate }: Pick<UefiFirmware, "variablesTemplate">,
  path: string,
): Promise<void> {
  if (variablesTemplate === undefined) await writeFile(path, "");
  else await copyFile(variablesTemplate, path);
}
