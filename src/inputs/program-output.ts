/** Writes the output of a program to a sparse file, up to a size limit. */
import type { Readable } from "node:stream";
import { dirname } from "node:path";
import { VmbuildError } from "../errors.js";
import { reportsDiskFull } from "../host/faults.js";
import { freeSpace, statIfThere } from "../host/files.js";
import { describeExit, missingProgramError, runProgram } from "../host/programs.js";
import type { Compression } from "./content-kind.js";

/** Program and arguments that decompress each format from standard input to standard output. */
export const UNPACKERS: Readonly<Record<Compression, readonly [string, ...string[]]>> = {
  gzip: ["gzip", "--decompress", "--stdout"],
  compress: ["gzip", "--decompress", "--stdout"],
  xz: ["xz", "--decompress", "--stdout", "--threads=0"],
  lzma: ["xz", "--format=lzma", "--decompress", "--stdout"],
  // Archives made with --ultra or --long have a larger window than zstd accepts by default.
  zstd: ["zstd", "--decompress", "--stdout", "--quiet", "--long=31"],
  bzip2: ["bzip2", "--decompress", "--stdout"],
  lz4: ["lz4", "--decompress", "--stdout", "--quiet"],
};

/** Exit code of gzip when the file was decompressed but has trailing data. */
const GZIP_WARNING = 2;
/** Exit code for a failure of dd, as opposed to a failure of the program. */
const WRITE_FAILED = 201;
/** Free space below which the disk is considered full. */
const FULL_BELOW_BYTES = 1024 * 1024;

/**
 * dd counts the bytes, so that an endless stream ends, and skips blocks of zeros like `cp
 * --sparse`.
 */
const SCRIPT = `out=$1 limit=$2
shift 2
"$@" | dd of="$out" bs=64K iflag=fullblock,count_bytes count="$limit" conv=sparse status=none
ends=("\${PIPESTATUS[@]}")
[ "\${ends[1]}" = 0 ] || exit ${WRITE_FAILED}
exit "\${ends[0]}"`;

/** Program to run, and the destination of its output. */
export interface ProgramOutputJob {
  /** Absolute path of the output. An existing file is replaced. */
  readonly target: string;
  readonly command: readonly [string, ...string[]];
  /** Standard input of the program; empty unless given. */
  readonly input?: Readable;
  /** Limit of the output in bytes. */
  readonly limit: number;
  /** Only the first `limit` bytes are needed, so an error of the program after that is ignored. */
  readonly beginning?: boolean;
  /** Content that is unpacked, as the subject of a message. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** Extent of the written output: `cut` when there was more than the limit. */
export type WrittenExtent = "whole" | "cut";

/**
 * Runs the program of `job` and writes its output.
 * @throws {VmbuildError} INPUT_UNPACK with the program's output, HOST_SPACE,
 *   HOST_PROGRAM_MISSING; the signal's own reason when it aborted.
 */
export async function writeProgramOutput(job: ProgramOutputJob): Promise<WrittenExtent> {
  const { target, command, limit, beginning = false, what, signal } = job;
  const [program] = command;
  // One byte more distinguishes a file of exactly the limit from a longer one.
  const most = beginning ? limit : limit + 1;
  const result = await runProgram(
    "bash",
    ["-c", SCRIPT, "bash", target, String(most), ...command],
    {
      ...(job.input ? { input: job.input } : {}),
      signal,
      processGroup: true,
      env: { LC_ALL: "C.UTF-8" },
    },
  );
  const { exitCode, lastLines: lines } = result;
  if (exitCode === 127) throw missingProgramError(program);
  const full = reportsDiskFull(lines);
  if (full || (exitCode === WRITE_FAILED && (await freeSpace(target)) < FULL_BELOW_BYTES)) {
    throw new VmbuildError(
      "HOST_SPACE",
      `The disk that holds ${dirname(target)} became full while ${what} was unpacked`,
      { lines },
    );
  }
  const size = Number((await statIfThere(target))?.size ?? 0);
  if (size >= most) return "cut";
  const isWarning = program === "gzip" && exitCode === GZIP_WARNING;
  if (exitCode === 0 || isWarning || (beginning && size > 0)) return "whole";
  const end = exitCode === WRITE_FAILED ? "its output could not be written" : describeExit(result);
  throw new VmbuildError(
    "INPUT_UNPACK",
    `${what} could not be unpacked: ${program} failed with ${end}`,
    {
      lines,
    },
  );
}
