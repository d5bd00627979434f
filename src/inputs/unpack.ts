/** Compressed files, unpacked once beside their archive by the host's own programs. */
import { createReadStream } from "node:fs";
import { rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { VmbuildError } from "../errors.js";
import { freeSpace, publish, statIfThere, temporaryBeside } from "../host/files.js";
import { endOf, missingProgram, runProgram } from "../host/programs.js";
import type { ProgramName } from "../host/programs.js";
import { safeName } from "./address.js";
import type { FullContext } from "./context.js";
import { createProgress } from "./progress.js";

/** The endings that can be unpacked, and the program and arguments that do it. */
const UNPACKERS = {
  ".xz": ["xz", "--decompress", "--stdout", "--threads=0"],
  ".gz": ["gzip", "--decompress", "--stdout"],
  ".zst": ["zstd", "--decompress", "--stdout", "--sparse", "--quiet"],
} as const;

/** xz and zstd seek over zeros in a regular file; so little space left means that it is full. */
const FULL_BELOW_BYTES = 1024 * 1024;

/** The ending of a file that can be unpacked. */
export type PackedSuffix = keyof typeof UNPACKERS;

/** The ending by which a file is known to be packed; undefined for others. */
function packedSuffix(name: string): PackedSuffix | undefined {
  const suffixes = Object.keys(UNPACKERS) as PackedSuffix[];
  return suffixes.find((suffix) => name.toLowerCase().endsWith(suffix));
}

/** The program that unpacks a file of this name; undefined for files that are left as they are. */
export function unpackProgram(name: string): ProgramName | undefined {
  const suffix = packedSuffix(name);
  return suffix && UNPACKERS[suffix][0];
}

/** Where the content of an archive lies once it is unpacked; the path itself for other files. */
export function unpackedPath(path: string): string {
  const suffix = packedSuffix(path);
  if (suffix === undefined) return path;
  return join(dirname(path), safeName(basename(path).slice(0, -suffix.length)));
}

/**
 * Unpacks an archive to {@link unpackedPath}, all or nothing.
 * @param name the input's, for progress and messages.
 * @throws {VmbuildError} INPUT_UNPACK with the program's words, HOST_SPACE,
 *   HOST_PROGRAM_MISSING; the signal's own reason when it was aborted.
 */
export async function unpack(archive: string, name: string, context: FullContext): Promise<void> {
  const suffix = packedSuffix(archive);
  if (suffix === undefined) return;
  const [program, ...args] = UNPACKERS[suffix];
  const target = unpackedPath(archive);
  const temporary = temporaryBeside(target);
  const total = Number((await statIfThere(archive))?.size ?? 0);
  const label = `unpack ${basename(archive)}`;
  const progress = createProgress(context.emit, context.clock, `unpack:${name}`, label);
  let done = 0;
  const input = createReadStream(archive, { highWaterMark: 1024 * 1024 });
  input.on("data", (chunk) => progress.at((done += chunk.length), total));
  try {
    // The shell opens the file and is replaced by the program: no byte passes through here.
    const script = 'out=$1; shift; exec "$@" >"$out"';
    const result = await runProgram("sh", ["-c", script, "sh", temporary, program, ...args], {
      input,
      signal: context.signal,
    });
    if (result.exitCode === 127) throw missingProgram(program);
    if (result.exitCode !== 0) {
      const isFull =
        result.lastLines.some((line) => line.includes("No space left")) ||
        (await freeSpace(temporary)) < FULL_BELOW_BYTES;
      throw new VmbuildError(
        isFull ? "HOST_SPACE" : "INPUT_UNPACK",
        isFull
          ? `the disk that holds ${dirname(target)} became full while ${basename(archive)} was unpacked`
          : `${basename(archive)} could not be unpacked: ${program} ended with ${endOf(result)}`,
        { lines: result.lastLines, details: { archive } },
      );
    }
    await publish(temporary, target);
    progress.finish(total);
  } finally {
    input.destroy();
    await rm(temporary, { force: true });
  }
}
