/** Lists the programs that compress a whole image file. To add one, add a line to `PACKS`. */
import type { Readable } from "node:stream";
import { VmbuildError } from "../errors.js";
import { reportsDiskFull } from "../host/faults.js";
import { describeExit, runProgram } from "../host/programs.js";
import type { ProgramName } from "../host/programs.js";

/** Program that compresses standard input to standard output. */
interface PackType {
  readonly extension: string;
  readonly program: ProgramName;
  /** Returns the arguments. One thread gives the same output on every host. */
  readonly args: (oneThread: boolean) => readonly string[];
}

/** Packs by the value of `output.pack`. The levels are the defaults of the programs. */
const PACK_TYPES = {
  xz: { extension: ".xz", program: "xz", args: (one) => ["-c", one ? "-T1" : "-T0"] },
  zst: { extension: ".zst", program: "zstd", args: (one) => ["-q", "-c", one ? "-T1" : "-T0"] },
  gz: { extension: ".gz", program: "gzip", args: () => ["-n", "-c"] },
} as const satisfies Record<string, PackType>;

/** Name of a pack. */
export type Pack = keyof typeof PACK_TYPES;

/** Names of the packs. */
export const PACKS = Object.keys(PACK_TYPES) as readonly Pack[];

/** Returns a pack by its name. */
export function packNamed(name: Pack): PackType {
  return PACK_TYPES[name];
}

/** Returns the programs that a pack runs; none without one. */
export function programsOfPack(pack: Pack | undefined): ProgramName[] {
  return pack === undefined ? [] : [packNamed(pack).program, "bash"];
}

/** Input and output of a compression. */
interface PackOptions {
  /** Path of the file that is written. */
  readonly destination: string;
  readonly reproducible: boolean;
  readonly signal: AbortSignal;
}

/**
 * Compresses a stream to a file.
 * @throws {VmbuildError} ARTIFACT_SPACE, ARTIFACT_CONVERT, HOST_PROGRAM_MISSING, the signal's
 *   reason when aborted; the stream's own error when it fails.
 */
export async function packStream(
  pack: Pack,
  input: Readable,
  { destination, reproducible, signal }: PackOptions,
): Promise<void> {
  const { program, args } = packNamed(pack);
  let failed: Error | undefined;
  input.once("error", (error) => {
    failed = error;
  });
  // The shell opens the file, and is then replaced by the program.
  const script = ["-c", 'exec >"$1" && shift && exec "$@"', "bash", destination];
  const command = [...script, program, ...args(reproducible)];
  const result = await runProgram("bash", command, { input, signal, env: { LC_ALL: "C" } });
  if (failed) throw failed;
  if (result.exitCode === 0) return;
  const full = reportsDiskFull(result.lastLines);
  throw new VmbuildError(
    full ? "ARTIFACT_SPACE" : "ARTIFACT_CONVERT",
    `${program} could not write ${destination}: ${describeExit(result)}`,
    { lines: result.lastLines },
  );
}
