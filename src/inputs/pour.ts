/** What a program prints, into a file with holes where there are zeros, up to a limit. */
import type { Readable } from "node:stream";
import { dirname } from "node:path";
import { VmbuildError } from "../errors.js";
import { freeSpace, statIfThere } from "../host/files.js";
import { endOf, missingProgram, runProgram } from "../host/programs.js";
import type { Compression } from "./content-kind.js";

/** The program and arguments that unpack each form from standard input to standard output. */
export const UNPACKERS: Readonly<Record<Compression, readonly [string, ...string[]]>> = {
  gzip: ["gzip", "--decompress", "--stdout"],
  compress: ["gzip", "--decompress", "--stdout"],
  xz: ["xz", "--decompress", "--stdout", "--threads=0"],
  lzma: ["xz", "--format=lzma", "--decompress", "--stdout"],
  // The window of an archive made with --ultra or --long is larger than what is allowed by itself.
  zstd: ["zstd", "--decompress", "--stdout", "--quiet", "--long=31"],
  bzip2: ["bzip2", "--decompress", "--stdout"],
  lz4: ["lz4", "--decompress", "--stdout", "--quiet"],
};

/** gzip's "decompressed, and there was something behind it". */
const GZIP_WARNING = 2;
/** dd's own failure, told apart from the program's. */
const WRITING_FAILED = 201;
/** So little space left means that the disk is full. */
const FULL_BELOW_BYTES = 1024 * 1024;

/** dd counts, so that an endless stream ends; it leaves out blocks of zeros, as `cp --sparse`. */
const SCRIPT = `out=$1 limit=$2
shift 2
"$@" | dd of="$out" bs=64K iflag=fullblock,count_bytes count="$limit" conv=sparse status=none
ends=("\${PIPESTATUS[@]}")
[ "\${ends[1]}" = 0 ] || exit ${WRITING_FAILED}
exit "\${ends[0]}"`;

/** What to run and where its output goes. */
export interface PourJob {
  /** The output; absolute. A file that is there is replaced. */
  readonly target: string;
  readonly command: readonly [string, ...string[]];
  /** The program's standard input; empty unless given. */
  readonly input?: Readable;
  /** The most bytes that are wanted. */
  readonly limit: number;
  /** Only the first `limit` bytes are wanted: what the program says of the cut is ignored. */
  readonly beginning?: boolean;
  /** What is unpacked, as the subject of a message. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/** How a pour ended: `cut` when there was more than the limit. */
export type Poured = "whole" | "cut";

/**
 * Runs the program of `job` and writes what it prints.
 * @throws {VmbuildError} INPUT_UNPACK with the program's words, HOST_SPACE,
 *   HOST_PROGRAM_MISSING; the signal's own reason when it was aborted.
 */
export async function pour(job: PourJob): Promise<Poured> {
  const { target, command, limit, beginning = false, what, signal } = job;
  const [program] = command;
  // One byte more tells a file of exactly the limit from a longer one.
  const most = beginning ? limit : limit + 1;
  const result = await runProgram(
    "bash",
    ["-c", SCRIPT, "bash", target, String(most), ...command],
    {
      ...(job.input ? { input: job.input } : {}),
      signal,
      wholeGroup: true,
      env: { LC_ALL: "C.UTF-8" },
    },
  );
  const { exitCode, lastLines: lines } = result;
  if (exitCode === 127) throw missingProgram(program);
  const full = lines.some((line) => /No space left|quota exceeded/i.test(line));
  if (full || (exitCode === WRITING_FAILED && (await freeSpace(target)) < FULL_BELOW_BYTES)) {
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
  const end = exitCode === WRITING_FAILED ? "its output could not be written" : endOf(result);
  throw new VmbuildError(
    "INPUT_UNPACK",
    `${what} could not be unpacked: ${program} failed with ${end}`,
    {
      lines,
    },
  );
}
