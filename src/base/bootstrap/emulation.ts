/**
 * Runs programs of another architecture while a root file system is created: with the interpreter
 * that this host has registered, or with one that is registered for the bootstrap alone.
 *
 * Since Linux 6.7, binfmt_misc can be mounted in a user namespace, and what is registered there is
 * valid in this namespace only (fs/binfmt_misc.c). mmdebstrap makes such a namespace for an ordinary
 * user. For root, {@link inRoom} makes one, in which each user has its own number.
 */
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError, systemCode } from "../../errors.js";
import { runProgram } from "../../host/programs.js";
import type { RunResult } from "../../host/programs.js";
import type { Architecture } from "../../machine/architectures/architecture.js";
import { hostArchitecture } from "../../machine/architectures/registry.js";
import type { ArchitectureName } from "../../machine/architectures/registry.js";
import { runAsOwner } from "./namespace.js";
import type { Rights } from "./namespace.js";

/** How programs of a foreign tree run. */
export interface Emulation {
  /** Line that registers the interpreter in the bootstrap's namespace; undefined for the host's. */
  readonly registration: string | undefined;
}

/** Folder of the host's registrations, which `binfmt_misc` is mounted on. */
const REGISTERED = "/proc/sys/fs/binfmt_misc";

/** Folders of registrations (binfmt.d(5)). */
const FOLDERS = ["/etc/binfmt.d", "/run/binfmt.d", "/usr/local/lib/binfmt.d", "/usr/lib/binfmt.d"];

/** Registers the interpreter for all programs that mmdebstrap runs afterwards. */
export const EMULATION_HOOK = `mount -t binfmt_misc binfmt_misc ${REGISTERED} && printf %s "$VMBUILD_BINFMT" >${REGISTERED}/register`;

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES", "ENOEXEC"].includes(systemCode(error) ?? "")) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Returns whether a registration of the host is enabled and keeps its interpreter open (flag F), as
 * a root file system without it needs. Pure.
 */
export function isUsableRegistration(text: string): boolean {
  const lines = text.split("\n");
  return lines[0] === "enabled" && lines.some((line) => /^flags: \w*F/.test(line));
}

/** Returns whether the host runs programs of that processor in any root file system. */
async function isRegisteredByHost(processor: string): Promise<boolean> {
  const names = await readdir(REGISTERED).catch(() => []); // It is not mounted.
  const own = names.filter(
    (name) => name === `qemu-${processor}` || name === `qemu-${processor}-static`,
  );
  for (const name of own) {
    if (isUsableRegistration((await readIfThere(join(REGISTERED, name))) ?? "")) return true;
  }
  return false;
}

/**
 * Returns the registration of a file in the form of binfmt.d(5), with the flag F. Undefined where it
 * has none. Pure.
 */
export function registrationIn(text: string): string | undefined {
  const line = text.split("\n").find((one) => one.startsWith(":"));
  if (line === undefined) return undefined;
  return /:\w*F\w*$/.test(line) ? line : `${line}F`;
}

/** Returns the registration that the package of QEMU's user emulation contains. */
async function findRegistration(processor: string): Promise<string | undefined> {
  for (const folder of FOLDERS) {
    for (const name of [`qemu-${processor}.conf`, `qemu-${processor}-static.conf`]) {
      const line = registrationIn((await readIfThere(join(folder, name))) ?? "");
      if (line !== undefined) return line;
    }
  }
  return undefined;
}

/**
 * Runs a command as root of a new user namespace with the same numbers for users and groups. Only
 * its parent can set them: it gets the process id of the new namespace on pipe 7, or an empty line
 * where there is none, and answers on pipe 8.
 */
const ENTER = `
exec 7<> <(:) 8<> <(:)
{
  status=0
  unshare --user -- bash -c 'echo $$ >&7; read -r _ <&8; exec "$@" 7>&- 8>&-' bash "$@" || status=$?
  echo >&7
  exit $status
} &
job=$!
read -r child <&7
if [ -n "$child" ]; then
  for map in uid_map gid_map; do
    numbers=$(while read -r first _ count; do echo "$first $first $count"; done </proc/self/$map)
    printf '%s\\n' "$numbers" >/proc/$child/$map
  done
  echo >&8
fi
wait $job
`;

/** Returns a command that runs another one in a namespace of {@link ENTER}. */
const entering = (command: readonly string[]): readonly [string, ...string[]] => [
  "bash",
  ...["-ec", ENTER, "bash", ...command],
];

/**
 * Returns the command with which mmdebstrap runs in a user namespace, where it needs one for a
 * registration and does not make it itself.
 */
export function inRoom(
  command: readonly [string, ...string[]],
  { rights, emulation }: { readonly rights: Rights; readonly emulation: Emulation | undefined },
): readonly [string, ...string[]] {
  return emulation?.registration === undefined || rights.mapped ? command : entering(command);
}

const MOUNT = ["sh", "-c", `mount -t binfmt_misc binfmt_misc ${REGISTERED}`] as const;

/** Tries whether binfmt_misc can be mounted in a user namespace. */
function tryRoom(rights: Rights, signal: AbortSignal): Promise<RunResult> {
  const [program, ...options] = MOUNT;
  if (rights.mapped) return runAsOwner(rights, program, options, { signal });
  const [file, ...args] = entering(["unshare", "--mount", "--", ...MOUNT]);
  return runProgram(file, args, { signal });
}

/** Returns the error for a host that cannot run programs of the architecture. */
function cannotRunError(
  { name, debian }: Architecture<ArchitectureName>,
  why: string,
  lines: readonly string[],
): VmbuildError {
  return new VmbuildError(
    "HOST_UNSUPPORTED",
    `This host cannot run ${name} programs, which creating a base from packages needs: ${why}`,
    {
      lines,
      hint:
        `Register QEMU's user emulation for ${debian.userEmulation} on this host: ` +
        "apt-get install qemu-user-static binfmt-support. With Linux 6.7 or later, qemu-user-static " +
        "alone is enough.",
    },
  );
}

/**
 * Finds a way to run programs of an architecture; undefined where the host's processor does so.
 * @throws {VmbuildError} HOST_UNSUPPORTED where there is none.
 */
export async function findEmulation(
  architecture: Architecture<ArchitectureName>,
  rights: Rights,
  signal: AbortSignal,
): Promise<Emulation | undefined> {
  if (hostArchitecture()?.name === architecture.name) return undefined;
  const { userEmulation } = architecture.debian;
  if (await isRegisteredByHost(userEmulation)) return { registration: undefined };
  const registration = await findRegistration(userEmulation);
  if (registration === undefined) {
    throw cannotRunError(architecture, "QEMU's user emulation is not installed", []);
  }
  if (rights.mode === "unshare") {
    const { exitCode, lastLines } = await tryRoom(rights, signal);
    if (exitCode === 0) return { registration };
    throw cannotRunError(
      architecture,
      "it is not registered, and cannot be for one run",
      lastLines,
    );
  }
  throw cannotRunError(architecture, "it is not registered, and namespaces are forbidden here", []);
}
