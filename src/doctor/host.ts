/** Checks memory, disk space, firmware, user namespaces, and Node.js itself. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { HostRequirements } from "../base/kind.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { freeSpace } from "../host/files.js";
import { unwritable, writeProblem } from "./folders.js";
import { formatBytes, formatSizes } from "../host/format.js";
import { OLDEST_NODE, isNodeSupported } from "../host/node-version.js";
import { hostPaths } from "../host/paths.js";
import { architectureNamed } from "../machine/architectures/registry.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import { findUefi } from "../machine/firmware.js";
import type { FirmwareNeeds } from "../machine/firmware.js";
import { requireBridges } from "../requirements/bridges.js";
import { availableMemory, findProgram, WORK_DISK_SPACE } from "../requirements/host.js";
import { unmet, ok } from "./check.js";
import type { Check } from "./check.js";

/**
 * Space for a base, some downloads and a working disk, in bytes. Less is a warning, not a failure.
 */
const COMFORTABLE_SPACE = 10 * 2 ** 30;

/** Checks the version of Node.js. */
export function checkNode(): Check {
  if (isNodeSupported()) return ok("node", process.versions.node);
  return unmet("node", true, {
    found: `${process.versions.node}, which is older than ${OLDEST_NODE}`,
    cost: "vmbuild may not work",
    fix: `install Node.js ${OLDEST_NODE} or later`,
  });
}

/** Checks ssh2's native binding, without which encryption is done in JavaScript. */
export function checkSshBinding(): Check {
  const require = createRequire(import.meta.url);
  try {
    const library = dirname(require.resolve("ssh2"));
    require(join(library, "protocol", "crypto", "build", "Release", "sshcrypto.node"));
    return ok("ssh2 binding", "compiled");
  } catch {
    // Every reason (not compiled, compiled for another Node) has the same consequence and the same
    // remedy.
    return unmet("ssh2 binding", false, {
      found: "not compiled",
      cost: "uploads over SSH are several times slower",
      fix: "sudo apt-get install build-essential python3 && npm rebuild ssh2",
    });
  }
}

/** Checks the memory that is available to the machine. */
export async function checkMemory(wanted: number, required: boolean): Promise<Check> {
  const available = await availableMemory();
  const [there, needed] = formatSizes(available, wanted);
  const found = `${there} available`;
  if (available >= wanted) return ok("memory", found);
  return unmet("memory", required, {
    found: `${found}, ${needed} wanted`,
    cost: "a machine of that size cannot be started",
    fix: "reduce it for a run: --memory 4G",
  });
}

/** Checks the space in the folders that vmbuild writes to. */
export async function checkSpace(): Promise<Check[]> {
  const { inputs, builds } = hostPaths();
  const checkFolderSpace = async (
    name: string,
    folder: string,
    variable: string,
  ): Promise<Check> => {
    const problem = await writeProblem(folder);
    if (problem !== undefined) return unwritable(name, problem, variable);
    const free = await freeSpace(folder);
    const found = `${formatBytes(free)} free in ${folder}`;
    if (free >= COMFORTABLE_SPACE) return ok(name, found);
    return unmet(name, free < WORK_DISK_SPACE, {
      found,
      cost: "downloads, bases or working disks may not fit",
      fix: `vmbuild prune    or move it: ${variable}=/elsewhere`,
    });
  };
  return [
    await checkFolderSpace("cache space", dirname(inputs), "XDG_CACHE_HOME"),
    await checkFolderSpace("state space", dirname(builds), "XDG_STATE_HOME"),
  ];
}

/** Checks the UEFI firmware for a machine, where it needs one. */
export async function checkFirmware(
  machine: FirmwareNeeds,
  required: boolean,
): Promise<Check | undefined> {
  if (machine.firmware === "bios") return undefined;
  const firmware = await findUefi(machine);
  if (firmware) return ok("uefi firmware", firmware.code);
  const own = machine.uefiFiles;
  return unmet("uefi firmware", required, {
    found: own ? `${own.code} or ${own.variables} does not exist` : "not installed",
    cost: 'machines with "firmware": "uefi" cannot be started',
    fix: own
      ? "correct machine.firmware"
      : `sudo apt-get install ${architectureNamed(machine.arch).uefi.package}`,
  });
}

/** Checks the bridges that a machine needs; undefined where it needs none. */
export async function checkBridges(
  machine: Parameters<typeof requireBridges>[0],
): Promise<Check | undefined> {
  const names = (machine.networks ?? []).flatMap(({ bridge }) => bridge ?? []);
  if (names.length === 0) return undefined;
  try {
    await requireBridges(machine);
    return ok("bridges", names.join(", "));
  } catch (thrown) {
    const { message, hint } = asVmbuildError(thrown);
    return unmet("bridges", true, {
      found: message,
      cost: "the machine cannot be connected to its bridge",
      fix: hint,
    });
  }
}

/** Checks what creating bases of a kind needs besides its programs. */
export async function checkBaseHost(
  { prerequisite, cost }: HostRequirements,
  { arch, required }: { readonly arch: ArchitectureName; readonly required: boolean },
  signal: AbortSignal,
): Promise<Check | undefined> {
  const { name, program } = prerequisite;
  // A missing program is reported by its own check.
  if (!(await findProgram(program))) return undefined;
  try {
    return ok(name, await prerequisite.probe(arch, signal));
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof VmbuildError)) throw error;
    return unmet(name, required, { found: error.message, cost, fix: error.hint });
  }
}
