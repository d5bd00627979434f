/** Runs the host's programs: streamed, bounded, cancellable, and never outliving this process. */
import { execa } from "execa";
import { delimiter } from "node:path";
import type { Readable } from "node:stream";
import { VmbuildError, systemCode } from "../errors.js";
import { LineSplitter, Tail } from "./lines.js";
import { folderForPrograms } from "./here.js";
import { closeWhenSilent } from "./silence.js";

/** What each external program is for, and the Debian package that has it. */
export const PROGRAMS = {
  "qemu-system-x86_64": { package: "qemu-system-x86", purpose: "runs the machine" },
  "qemu-img": { package: "qemu-utils", purpose: "creates and compresses disk images" },
  "qemu-io": { package: "qemu-utils", purpose: "overwrites traces of the build in free blocks" },
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
  sfdisk: { package: "fdisk", purpose: "partitions a bootstrapped base" },
  git: { package: "git", purpose: "fetches git inputs" },
  tar: { package: "tar", purpose: "unpacks bases in tar archives, and OCI inputs" },
  gpgv: { package: "gpgv", purpose: "verifies the signatures of checksum files" },
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
  readonly wholeGroup?: boolean;
  /** Keep all of standard output in the result (for JSON answers, not for logs). */
  readonly keepOutput?: boolean;
  /** Called with the process's id once it is started; with `wholeGroup` it is the leader's. */
  readonly onStart?: (pid: number) => void;
}

/** How a program ended. */
export interface RunResult {
  /** Null when a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** All of standard output with `keepOutput`, otherwise empty. */
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
export function dyingWithParent(file: string, args: readonly string[]): [string, string[]] {
  return ["setpriv", ["--pdeathsig", "KILL", "--", file, ...args]];
}

/**
 * A shell that leads a process group and takes all of it along when this process dies: the
 * kernel's signal reaches only the shell itself, and what it runs may have children.
 */
const GROUP_LEADER = `trap 'trap "" TERM; kill -TERM 0; sleep 0.5; kill -KILL 0' TERM
"$@" <&0 &
wait "$!"`;

function dyingAsGroup(file: string, args: readonly string[]): [string, string[]] {
  const shell = ["bash", "-c", GROUP_LEADER, "bash"];
  return ["setpriv", ["--pdeathsig", "TERM", "--", ...shell, file, ...args]];
}

/** The error for a program that is not installed. */
export function missingProgram(name: string, cause?: unknown): VmbuildError {
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
  const wrap = options.wholeGroup ? dyingAsGroup : dyingWithParent;
  const [wrapped, wrappedArgs] = wrap(file, args);
  const child = execa(wrapped, wrappedArgs, {
    buffer: false,
    reject: false,
    extendEnv: true,
    stripFinalNewline: false,
    forceKillAfterDelay: FORCE_AFTER_MS,
    detached: options.wholeGroup ?? false,
    cwd: options.cwd ?? folderForPrograms(),
    env: { PATH: searchPath(), ...options.env },
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
  });
  if (child.pid !== undefined) options.onStart?.(child.pid);
  const leader = options.wholeGroup ? child.pid : undefined;
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
      if (name === "stdout" && options.keepOutput) kept.push(chunk);
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
  if (systemCode(result) === "ENOENT") throw missingProgram(wrapped, result);
  // setpriv says 127 when the program that it should start is not there.
  if (result.exitCode === 127 && tail.lines.some((line) => line.startsWith("setpriv: failed"))) {
    throw missingProgram(file);
  }
  return {
    exitCode: result.exitCode ?? null,
    signal: result.signal ?? null,
    stdout: Buffer.concat(kept).toString("utf8"),
    lastLines: tail.lines,
  };
}

/** How a program's end reads in a message: `exit 3` or `SIGKILL`. */
export function endOf(result: Pick<RunResult, "exitCode" | "signal">): string {
  return result.signal ?? `exit ${result.exitCode ?? "unknown"}`;
}

/** The value as one word of a POSIX shell command. */
export function shellQuote(value: string): string {
  return /^[A-Za-z0-9_\-.,:/@%+=]+$/.test(value) ? value : `'${value.replaceAll("'", `'\\''`)}'`;
}
