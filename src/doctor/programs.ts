/** Checks which programs are installed on the host, and their versions. */
import { BASE_KINDS } from "../base/registry.js";
import { asVmbuildError } from "../errors.js";
import { PROGRAMS, runProgram } from "../host/programs.js";
import type { ProgramName } from "../host/programs.js";
import { DEFAULT_ARCHITECTURE } from "../machine/architectures/registry.js";
import { OLDEST_QEMU, parseQemuVersion } from "../machine/qemu-version.js";
import { findProgram } from "../requirements/host.js";
import { commonPrograms } from "../requirements/programs.js";
import { unmet, ok } from "./check.js";
import type { Check } from "./check.js";

/** Programs that every run needs, regardless of its template. */
const ALWAYS: readonly string[] = [
  DEFAULT_ARCHITECTURE.binary,
  ...commonPrograms({ seal: true, checkpoints: true }),
];

/** Arguments of programs that do not support `--version`. */
const VERSION_ARGUMENTS: Readonly<Record<string, string>> = {
  xorriso: "-version",
  "mkfs.ext4": "-V",
  "mkfs.vfat": "--help",
  "mkfs.exfat": "-V",
  ssh: "-V",
};

async function versionOf(name: string, path: string, signal: AbortSignal): Promise<string> {
  const lines: string[] = [];
  await runProgram(path, [VERSION_ARGUMENTS[name] ?? "--version"], {
    signal,
    // English texts; Ansible does not run without UTF-8.
    env: { LC_ALL: "C.UTF-8" },
    onLine: (line) => lines.push(line),
  });
  return /\d+\.\d+(?:[.-]?\w+)*/.exec(lines.join("\n"))?.[0] ?? "version unknown";
}

function costOf(name: string, isRequired: boolean): string {
  const purpose = name in PROGRAMS ? PROGRAMS[name as ProgramName].purpose : "runs the machine";
  if (isRequired) return `no template can be built: it ${purpose}`;
  const base = BASE_KINDS.find(({ host }) => host?.programs.includes(name as ProgramName));
  return `${base?.host?.cost ?? "templates that need it cannot be built"}: it ${purpose}`;
}

/** Returns the command that installs a program on Debian and Ubuntu. */
function installLine(name: string): string {
  return name in PROGRAMS
    ? `sudo apt-get install ${PROGRAMS[name as ProgramName].package}`
    : `install ${name}, or set machine.binary to an installed program`;
}

async function checkProgram(name: string, required: boolean, signal: AbortSignal): Promise<Check> {
  const cost = costOf(name, required);
  const fix = installLine(name);
  const path = await findProgram(name);
  if (path === undefined) return unmet(name, required, { found: "not installed", cost, fix });
  try {
    const version = await versionOf(name, path, signal);
    if (!name.startsWith("qemu-")) return ok(name, version);
    const qemu = parseQemuVersion(`version ${version}`);
    const { major, minor } = OLDEST_QEMU;
    const recent = qemu && (qemu.major > major || (qemu.major === major && qemu.minor >= minor));
    if (recent) return ok(name, version);
    const found = `${version}, which is older than ${major}.${minor}`;
    return unmet(name, required, { found, cost, fix });
  } catch (error) {
    signal.throwIfAborted();
    const found = `${path} does not run: ${asVmbuildError(error).message}`;
    return unmet(name, required, { found, cost, fix });
  }
}

/**
 * Checks the programs.
 * @param needed those of a template, when only these matter.
 */
export async function checkPrograms(
  needed: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<Check[]> {
  const names = needed ?? [...new Set([...ALWAYS, ...Object.keys(PROGRAMS)])];
  return Promise.all(
    names.map((name) => checkProgram(name, needed !== undefined || ALWAYS.includes(name), signal)),
  );
}
