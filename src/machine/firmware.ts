/** Finds UEFI firmware on this host and copies its variable store for each machine. */
import { copyFile, writeFile } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { architectureNamed } from "./architectures/registry.js";
import type { ArchitectureName } from "./architectures/registry.js";

/** UEFI firmware files: the code, which machines share, and the template of the variable store. */
export interface UefiFirmware {
  readonly code: string;
  /** Undefined for firmware that keeps no variables. */
  readonly variablesTemplate?: string | undefined;
}

/** Finds the host's UEFI firmware for an architecture; undefined when none is installed. */
export async function findUefi(arch: ArchitectureName): Promise<UefiFirmware | undefined> {
  for (const candidate of architectureNamed(arch).uefi.candidates) {
    const { code, variablesTemplate = code } = candidate;
    if ((await statIfThere(code)) && (await statIfThere(variablesTemplate))) return candidate;
  }
  return undefined;
}

/**
 * Finds the host's UEFI firmware for an architecture.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when it is not installed.
 */
export async function requireUefi(arch: ArchitectureName): Promise<UefiFirmware> {
  const found = await findUefi(arch);
  if (found) return found;
  const { name, hint } = architectureNamed(arch).uefi;
  const message = `UEFI firmware (${name}) is not installed`;
  throw new VmbuildError("HOST_PROGRAM_MISSING", message, { hint });
}

/** Copies the variable store for one machine to `path`; an empty file where there is none. */
export async function copyVariables(
  { variablesTemplate }: Pick<UefiFirmware, "variablesTemplate">,
  path: string,
): Promise<void> {
  if (variablesTemplate === undefined) await writeFile(path, "");
  else await copyFile(variablesTemplate, path);
}
