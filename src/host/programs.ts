/**
 * Runs programs of the host: with streamed output, bounded memory and cancellation, and never
 * outliving this process.
 */
import { execa } from "execa";
import { delimiter } from "node:path";
import type { Readable } from "node:stream";
import { VmbuildError, systemCode } from "../errors.js";
import { LineSplitter, Tail } from "./lines.js";
import { programFolder } from "./current-folder.js";
import { closeWhenSilent } from "./silence.js";

/** Purpose of each external program, and the Debian package that contains it. */
export const PROGRAMS = {
  "qemu-system-x86_64": { package: "qemu-system-x86", purpose: "runs the machine" },
  "qemu-system-aarch64": { package: "qemu-system-arm", purpose: "runs machines with arch aarch64" },
  "qemu-system-riscv64": {
    package: "qemu-system-misc",
    purpose: "runs machines with arch riscv64",
  },
  "qemu-img": { package: "qemu-utils", purpose: "creates and compresses disk images" },
  "qemu-io": { package: "qemu-utils", purpose: "overwrites traces of the build in free blocks" },
  swtpm: { package: "swtpm", purpose: "emulates the TPM of a machine" },
  xorriso: { package: "xorriso", purpose: "creates the seed disk" },
  setpriv: { package: "util-linux", purpose: "terminates QEMU when vmbuild is killed" },
  flock: { package: "util-linux", purpose: "locks builds against concurrent runs" },
  sync: { package: "coreutils", purpose: "writes checkpoints to disk" },
  fallocate: { package: "util-linux", purpose: "reserves disk space while a checkpoint is saved" },
  mmdebstrap: { package: "mmdebstrap", purpose: "creates a base from Debian packages" },
  "mkfs.ext4": { package: "e2fsprogs", purpose: "creates the file system of a bootstrapped base" },
  "mkfs.vfat": {
    package: "dosfstools",
    purpose: "creates the EFI partition of a bootstrapped base",
  },
  mcopy: { package: "mtools", purpose: "copies files to the EFI partition of a bootstrapped base" },
  "mkfs.exfat": { package: "exfatprogs", purpose: "creates the data partition of a stick" },
  sfdisk: { package: "fdisk", purpose: "partitions a bootstrapped base" },
  git: { package: "git", purpose: "fetches git inputs, and names the commits of templates" },
  tar: { package: "tar", purpose: "unpacks bases in tar archives, and OCI inputs" },
  gpg: { package: "gpg", purpose: "signs archives of patches" },
  gpgconf: { package: "gpgconf", purpose: "ends the agent of gpg" },
  gpgv: { package: "gpgv", purpose: "verifies the signatures of checksum files" },
  xz: { package: "xz-utils", purpose: "unpacks .xz bases, and compresses images to .xz" },
  zstd: { package: "zstd", purpose: "unpacks .zst bases, and compresses images to .zst" },
  gzip: {
    package: "gzip",
    purpose: "unpacks .gz bases, and compresses Vagrant boxes and images to .gz",
  },
  bzip2: { package: "bzip2", purpose: "unpacks .bz2 bases" },
  lz4: { package: "lz4", purpose: "unpacks .lz4 bases" },
  "ansible-playbook": { package: "ansible-core", purpose: "runs playbooks of ansible actions" },
  "ansible-config": { package: "ansible-core", purpose: "reads the settings of ansible actions" },
  "ansible-galaxy": {
    package: "ansible-core",
    purpose: "installs the roles and collections of playbooks",
  },
  ssh: { package: "openssh-client", purpose: "connects programs of the host to the guest" },
  "ssh-keygen": {
    package: "openssh-client",
    purpose: "looks up host keys in known_hosts, and signs the provenance of images",
  },
  logger: { package: "bsdutils", purpose: "sends events to the syslog socket of this host" },
  bash: {
    package: "bash",
    purpose: "checks scripts, runs commands of the host, and opens the files of compressed images",
  },
} as const satisfies Record<string, { package: string; purpose: string }>;

/** Name of a program that vmbuild may need. */
export type ProgramName = keyof typeof PROGRAMS;

/** Options of a program run. Times are milliseconds. */
export interface RunOptions {
  readonly cwd?: string;
  /** Variables added to this process's environment; `undefined` removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Content of standard input, which is empty otherwise. */
  readonly input?: string | Readable;
  /** Ends the program with SIGTERM, and with SIGKILL two seconds later. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each line of output. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /**
   * Called with the states of a line that the program overwrites, such as a progress bar; `onLine`
   * gets the last one. Without it, each state is a line.
   */
  readonly onState?: ((state: string, stream: "stdout" | "stderr") => void) | undefined;
  /**
   * Ends the program's children too: they share a process group. Without it, only the program
   * itself is ended.
   */
  readonly processGroup?: boolean;
  /** Returns all of standard output in the result. Meant for JSON answers, not for logs. */
  readonly captureOutput?: boolean;
  /**
   * Called with the process id after the start; with `processGroup`, it is the id of the group's
   * leader.
   */
  readonly onStart?: (pid: number) => void;
}

/** Result of a program. */
export interface RunResult {
  /** Null when a signal ended the program. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Standard output with `captureOutput`, otherwise empty. */
  readonly stdout: string;
  /** Last 20 lines of both streams, in the order in which they arrived. */
  readonly lastLines: readonly string[];
}

const FORCE_AFTER_MS = 2000;

/**
 * Returns the search path, including the sbin folders that Debian leaves out for ordinary users
 * (`mkfs.ext4`, `sfdisk`).
 */
export function searchPath(): string {
  return [process.env["PATH"] ?? "/usr/bin:/bin", "/usr/sbin", "/sbin"].join(delimiter);
}

/**
 * Wraps an argument list with setpriv, so that the kernel kills the program when this process ends.
 */
export function withParentDeathSignal(file: string, args: readonly string[]): [string, string[]] {
  return ["setpriv", ["--pdeathsig", "KILL", "--", file, ...args]];
}

/**
 * Shell that leads a process group and kills the whole group when this process ends. The kernel's
 * signal reaches only the shell itself, but the program may have children.
 */
const GROUP_LEADER = `trap 'trap "" TERM; kill -TERM 0; sleep 0.5; kill -KILL 0' TERM
"$@" <&0 &
wait "$!"`;

function asProcessGroup(file: string, args: readonly string[]): [string, string[]] {
  const shell = ["bash", "-c", GROUP_LEADER, "bash"];
  return ["setpriv", ["--pdeathsig", "TERM", "--", ...shell, file, ...args]];
}

/** Returns the error for a program that is not installed. */
export function missingProgramError(name: string, cause?: unknown): VmbuildError {
  const known = name in PROGRAMS ? PROGRAMS[name as ProgramName] : undefined;
  return new VmbuildError("HOST_PROGRAM_MISSING", `${name} is not installed`, {
    cause,
    hint: known && `It ${known.purpose}. Debian and Ubuntu: apt-get install ${known.package}`,
    details: { program: name },
  });
}

/**
 * Ends a process group in the same way as execa ends a process: SIGTERM, and SIGKILL two seconds
 * later.
 */
function killGroup(leader: number): void {
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-leader, signal);
    } catch (error) {
      // No process of the group is left.
      if (systemCode(error) !== "ESRCH") throw error;
    }
  };
  send("SIGTERM");
  setTimeout(() => send("SIGKILL"), FORCE_AFTER_MS).unref();
}

/**
 * Runs a program to its end. A non-zero exit code is a result, not an error. The exit of the
 * program itself counts: children that it leaves behind may hold its output open, which is then
 * read until it has been silent for a second, and for fifteen seconds at most.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when the program does not exist; the signal's own
 *   reason when it aborted.
 */
export async function runProgram(
  file: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const tail = new Tail();
  const kept: Buffer[] = [];
  const wrap = options.processGroup ? asProcessGroup : withParentDeathSignal;
  const [wrapped, wrappedArgs] = wrap(file, args);
  const child = execa(wrapped, wrappedArgs, {
    buffer: false,
    reject: false,
    extendEnv: true,
    stripFinalNewline: false,
    forceKillAfterDelay: FORCE_AFTER_MS,
    detached: options.processGroup ?? false,
    cwd: options.cwd ?? programFolder(),
    env: { PATH: searchPath(), ...options.env },
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const leader = options.processGroup ? child.pid : undefined;
  const onAbort = (): void => {
    if (leader !== undefined) killGroup(leader);
  };
  options.signal?.addEventListener("abort", onAbort, { once: true });
  const { onState } = options;
  const splitters = (["stdout", "stderr"] as const).map((name) => {
    const takeLine = (line: string): void => {
      tail.push(line);
      options.onLine?.(line, name);
    };
    const splitter = new LineSplitter(takeLine, onState && ((state) => onState(state, name)));
    child[name].on("data", (chunk: Buffer) => {
      if (name === "stdout" && options.captureOutput) kept.push(chunk);
      splitter.write(chunk);
    });
    return splitter;
  });
  let stopReading = (): void => {};
  child.once("exit", () => {
    const streams = [child.stdout, child.stderr];
    stopReading = closeWhenSilent(streams, () => {
      for (const stream of streams) stream.destroy();
    });
  });
  const result = await child;
  stopReading();
  options.signal?.removeEventListener("abort", onAbort);
  for (const splitter of splitters) splitter.end();
  options.signal?.throwIfAborted();
  if (systemCode(result) === "ENOENT") throw missingProgramError(wrapped, result);
  // setpriv exits with 127 when the program does not exist.
  if (result.exitCode === 127 && tail.lines.some((line) => line.startsWith("setpriv: failed"))) {
    throw missingProgramError(file);
  }
  return {
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    stdout: Buffer.concat(kept).toString("utf8"),
    lastLines: tail.lines,
  };
}

/** Describes the exit of a program for messages: `exit 3` or `SIGKILL`. */
export function describeExit(result: Pick<RunResult, "exitCode" | "signal">): string {
  return result.signal ?? `exit ${result.exitCode ?? "unknown"}`;
}

/** Quotes a value as one word of a POSIX shell command. */
export function shellQuote(value: string): string {
  return /^[A-Za-z0-9_\-.,:/@%+=]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
