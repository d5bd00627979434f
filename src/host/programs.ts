/** Runs the host's programs: streamed, bounded, cancellable, and never outliving this process. */
import { execa } from "execa";
import { delimiter } from "node:path";
import type { Readable } from "node:stream";
import { VmbuildError, systemCode } from "../errors.js";
import { LineSplitter, Tail } from "./lines.js";
import { programFolder } from "./current-folder.js";
import { closeWhenSilent } from "./silence.js";

/** What each external program is for, and the Debian package that has it. */
export const PROGRAMS = {
  "qemu-system-x86_64": { package: "qemu-system-x86", purpose: "runs the machine" },
  "qemu-img": { package: "qemu-utils", purpose: "makes and compresses disk images" },
  "qemu-io": { package: "qemu-utils", purpose: "overwrites what a build left in free blocks" },
  xorriso: { package: "xorriso", purpose: "makes the seed disk" },
  setpriv: { package: "util-linux", purpose: "ends QEMU when vmbuild is killed" },
  flock: { package: "util-linux", purpose: "keeps two runs of one build apart" },
  sync: { package: "coreutils", purpose: "brings saved states to the host's disk" },
  fallocate: { package: "util-linux", purpose: "keeps room on the disk while a state is saved" },
  mmdebstrap: { package: "mmdebstrap", purpose: "makes a base from Debian's packages" },
  "mkfs.ext4": { package: "e2fsprogs", purpose: "fills the file system of a bootstrapped base" },
  "mkfs.vfat": { package: "dosfstools", purpose: "makes a bootstrapped base's EFI partition" },
  mcopy: { package: "mtools", purpose: "fills a bootstrapped base's EFI partition" },
  sfdisk: { package: "fdisk", purpose: "partitions a bootstrapped base" },
  git: { package: "git", purpose: "fetches inputs that are git trees" },
  tar: { package: "tar", purpose: "unpacks bases in tar archives and inputs that are OCI images" },
  gpgv: { package: "gpgv", purpose: "checks the signature of a sums file" },
  xz: { package: "xz-utils", purpose: "unpacks .xz bases" },
  zstd: { package: "zstd", purpose: "unpacks .zst bases" },
  gzip: { package: "gzip", purpose: "unpacks .gz bases" },
  bzip2: { package: "bzip2", purpose: "unpacks .bz2 bases" },
  lz4: { package: "lz4", purpose: "unpacks .lz4 bases" },
  bash: { package: "bash", purpose: "checks scripts and runs local actions" },
} as const satisfies Record<string, { package: string; purpose: string }>;

/** A program that vmbuild may need. */
export type ProgramName = keyof typeof PROGRAMS;

/** How to run a program. Times are milliseconds. */
export interface RunOptions {
  readonly cwd?: string;
  /** Added to this process's environment; `undefined` removes a name. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to standard input, which is otherwise empty. */
  readonly input?: string | Readable;
  /** Ends the program: SIGTERM, and SIGKILL two seconds later. */
  readonly signal?: AbortSignal | undefined;
  /** Called for each line as it is printed. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /**
   * The signal ends the program's children too: they share a process group of its own. Without
   * it, only the program itself is ended.
   */
  readonly processGroup?: boolean;
  /** Keep all of standard output in the result (for JSON answers, not for logs). */
  readonly captureOutput?: boolean;
  /** Called with the process's id once it is started; with `processGroup` it is the leader's. */
  readonly onStart?: (pid: number) => void;
}

/** How a program ended. */
export interface RunResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** All of standard output with `captureOutput`, otherwise empty. */
  readonly stdout: string;
  /** The last 20 lines of both streams, in the order in which they came. */
  readonly lastLines: readonly string[];
}

const FORCE_AFTER_MS = 2000;

/** The search path, with the folders that Debian keeps from ordinary users (`mkfs.ext4`, `sfdisk`). */
export function searchPath(): string {
  return [process.env["PATH"] ?? "/usr/bin:/bin", "/usr/sbin", "/sbin"].join(delimiter);
}

/** Wraps an argument list so that the kernel kills the program when this process dies. */
export function withParentDeathSignal(file: string, args: readonly string[]): [string, string[]] {
  return ["setpriv", ["--pdeathsig", "KILL", "--", file, ...args]];
}

/**
 * A shell that leads a process group and takes all of it along when this process dies: the
 * kernel's signal reaches only the shell itself, and what it runs may have children.
 */
const GROUP_LEADER = `trap 'trap "" TERM; kill -TERM 0; sleep 0.5; kill -KILL 0' TERM
"$@" <&0 &
wait "$!"`;

function asProcessGroup(file: string, args: readonly string[]): [string, string[]] {
  const shell = ["bash", "-c", GROUP_LEADER, "bash"];
  return ["setpriv", ["--pdeathsig", "TERM", "--", ...shell, file, ...args]];
}

/** The error for a program that is not installed. */
export function missingProgramError(name: string, cause?: unknown): VmbuildError {
  const known = name in PROGRAMS ? PROGRAMS[name as ProgramName] : undefined;
  return new VmbuildError("HOST_PROGRAM_MISSING", `${name} is not installed`, {
    cause,
    hint: known && `It ${known.purpose}. Debian and Ubuntu: apt-get install ${known.package}`,
    details: { program: name },
  });
}

/** Ends a process group like execa does a process: SIGTERM, and SIGKILL two seconds later. */
function killGroup(leader: number): void {
  const send = (signal: NodeJS.Signals): void => {
    try {
      process.kill(-leader, signal);
    } catch (error) {
      // Nobody of it is left: what was wanted.
      if (systemCode(error) !== "ESRCH") throw error;
    }
  };
  send("SIGTERM");
  setTimeout(() => send("SIGKILL"), FORCE_AFTER_MS).unref();
}

/**
 * Runs a program to its end and tells how it ended; a non-zero exit is a result, not an error.
 * The program's own exit counts: children that it leaves behind may hold its output open, which is
 * read until it has been silent for a second, and for fifteen seconds at most.
 * @throws {VmbuildError} HOST_PROGRAM_MISSING when there is no such program; the signal's own
 *   reason when it was aborted.
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
  const splitters = (["stdout", "stderr"] as const).map((name) => {
    const splitter = new LineSplitter((line) => {
      tail.push(line);
      options.onLine?.(line, name);
    });
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
  // setpriv says 127 when the program that it should start is not there.
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

/** How a program's end reads in a message: `exit 3` or `SIGKILL`. */
export function describeExit(result: Pick<RunResult, "exitCode" | "signal">): string {
  return result.signal ?? `exit ${result.exitCode ?? "unknown"}`;
}

/** The value as one word of a POSIX shell command. */
export function shellQuote(value: string): string {
  return /^[A-Za-z0-9_\-.,:/@%+=]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
