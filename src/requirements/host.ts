/** Checks the host before anything is fetched or started. */
import { access, constants, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { totalmem } from "node:os";
import { VmbuildError } from "../errors.js";
import { requireSpace } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { missingProgramError, searchPath } from "../host/programs.js";
import { decideAccelerator } from "../machine/accelerator.js";
import type { DecidedAccelerator } from "../machine/accelerator.js";
import { requireUefi } from "../machine/firmware.js";
import type { UefiFirmware } from "../machine/firmware.js";
import { qemuVersion } from "../machine/qemu-version.js";
import type { QemuVersion } from "../machine/qemu-version.js";
import type { Template } from "../template/load.js";
import { requireBridges } from "./bridges.js";
import { planMachine } from "./plan.js";
import { programsFor } from "./programs.js";

/** Facts about a host that can run the build. */
export interface HostFacts extends DecidedAccelerator {
  readonly qemu: QemuVersion;
  readonly uefi: UefiFirmware | undefined;
}

/** Minimum space for a build's working disk, logs and seed. Steps may need more. Bytes. */
export const WORK_DISK_SPACE = 2 * 2 ** 30;

/** Returns the path of a program; undefined where it is not installed. */
export async function findProgram(name: string): Promise<string | undefined> {
  const folders = name.includes("/") ? [""] : searchPath().split(delimiter);
  for (const folder of folders) {
    const path = folder === "" ? name : join(folder, name);
    const usable = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (usable) return path;
  }
  return undefined;
}

/**
 * Returns the memory that is available without swapping, as the kernel estimates it (proc(5)).
 * Bytes.
 */
export async function availableMemory(): Promise<number> {
  const text = await readFile("/proc/meminfo", "utf8");
  const kibibytes = /^MemAvailable:\s+(\d+) kB/m.exec(text)?.[1];
  return kibibytes === undefined ? totalmem() : Number(kibibytes) * 1024;
}

/**
 * Requires that programs are installed.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING for the first that is not.
 */
export async function requirePrograms(names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (!(await findProgram(name))) throw missingProgramError(name);
  }
}

async function requireMemory(memory: number): Promise<void> {
  const available = await availableMemory();
  if (memory <= available) return;
  const [asked, there] = formatSizes(memory, available);
  throw new VmbuildError(
    "HOST_MEMORY",
    `The machine needs ${asked} of memory, but only ${there} are available`,
    {
      hint: "Reduce it for this run: --memory 4G.",
      details: { memory, available },
    },
  );
}

/**
 * Checks that this host can run the build.
 * @param folders `state`: folder of the build's data.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING, HOST_KVM_UNUSABLE, HOST_MEMORY, HOST_SPACE,
 *   HOST_UNSUPPORTED; INPUT_MISSING for a missing firmware file.
 */
export async function checkHost(
  template: Template,
  folders: { readonly state: string },
  signal: AbortSignal,
): Promise<HostFacts> {
  const { machine } = template;
  const plan = planMachine(template);
  await requirePrograms(programsFor(template));
  await requireBridges(plan);
  await requireMemory(machine.memory);
  await requireSpace(join(folders.state, "disk"), WORK_DISK_SPACE, "The build's working disk");
  const [qemu, decided, uefi] = await Promise.all([
    qemuVersion(machine.binary, signal),
    decideAccelerator(machine.accelerator, plan, signal),
    requireUefi(plan),
  ]);
  return { qemu, uefi, ...decided };
}
