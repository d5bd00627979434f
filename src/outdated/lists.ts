/** Checks and unpacks lists of packages of repositories. */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { VmbuildError } from "../errors.js";
import { describeExit, runProgram } from "../host/programs.js";

/** Limit of a list in bytes. The largest ones, with debug symbols, have 100 MB compressed. */
export const MAX_LIST_BYTES = 256 * 2 ** 20;

/** Newest versions of the packages of a list, by name and then by architecture. */
export type PackageVersions = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** Where repositories are fetched, and how their signatures are verified. */
export interface RepositoryOptions {
  /** Addresses that replace others at the beginning of those of repositories. */
  readonly mirrors?: ReadonlyMap<string, string>;
  /** Absolute path of trusted public keys; signatures are not verified unless given. */
  readonly keyring?: string | undefined;
}

/** Returns the address of a repository on the mirror that replaces its server. */
export function mirroredAddress(address: string, { mirrors }: RepositoryOptions): string {
  const found = [...(mirrors ?? [])].find(([from]) => address.startsWith(from));
  return found ? found[1] + address.slice(found[0].length) : address;
}

/** Checksum that a repository states. */
export interface ListSum {
  /** Name of the algorithm in Node.js. */
  readonly algorithm: string;
  /** Hexadecimal, lower case. */
  readonly hex: string;
}

/**
 * Requires a checksum.
 * @throws {VmbuildError} INPUT_CHECKSUM.
 */
export function requireSum(address: string, content: Buffer, { algorithm, hex }: ListSum): void {
  const found = createHash(algorithm).update(content).digest("hex");
  if (found === hex) return;
  throw new VmbuildError(
    "INPUT_CHECKSUM",
    `${address} has the wrong checksum: expected ${algorithm} ${hex}, found ${found}`,
    { hint: "The mirror may be in the middle of an update; try again later." },
  );
}

/**
 * Unpacks a list, and passes on its lines without their endings. Some empty lines are left out.
 * @param packed its address and content, and the program that unpacks it, with its arguments; none
 *   for a list that is not compressed.
 * @throws {VmbuildError} INPUT_UNPACK, HOST_PROGRAM_MISSING; the reason of the signal.
 */
export async function unpackLines(
  packed: {
    readonly address: string;
    readonly content: Buffer;
    readonly command: readonly string[];
  },
  onLine: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { address, content, command } = packed;
  const [program, ...args] = command;
  if (program === undefined) {
    for (const line of content.toString("utf8").split("\n")) onLine(line.trimEnd());
    return;
  }
  const result = await runProgram(program, args, {
    signal,
    input: Readable.from([content]),
    onLine: (line, stream) => {
      if (stream === "stdout") onLine(line);
    },
  });
  signal.throwIfAborted();
  if (result.exitCode === 0) return;
  throw new VmbuildError("INPUT_UNPACK", `${address} could not be unpacked by ${program}`, {
    lines: [describeExit(result)],
  });
}
