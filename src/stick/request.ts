/** Defines what a stick is made of, and checks it before anything is made. */
import { checksumPath } from "../artifact/checksum-files.js";
import { ALGORITHMS } from "../artifact/digest.js";
import type { Algorithm, Digests } from "../artifact/digest.js";
import { VmbuildError } from "../errors.js";
import { readIfThere, statIfThere } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { x8664 } from "../machine/architectures/x86-64.js";
import { MIB, SMALLEST_STICK, sizeFor } from "./layout.js";
import type { Mode } from "./settings.js";

/** What a stick is made of. */
export interface StickRequest {
  /** Absolute path of the image to install. */
  readonly payload: string;
  /**
   * Its checksums in lower-case hexadecimal; without one, that in `PAYLOAD.sha256` beside it counts.
   * Another content is refused.
   */
  readonly checksums?: Partial<Digests> | undefined;
  /** Architecture of the system in the payload, where it is known. */
  readonly arch?: string | undefined;
  /** Absolute path of the stick's image. */
  readonly target: string;
  /** Size of the stick in bytes; by default that of the payload and room for another one. */
  readonly size?: number | undefined;
  /** Label of the data partition. */
  readonly label: string;
  readonly mode: Mode;
  /** Absolute path of an installer.conf to use in place of the standard one. */
  readonly settings?: string | undefined;
}

/** Facts that were found out before the stick is made. */
export interface StickPlan {
  /** Bytes. */
  readonly size: number;
  /** Bytes of the payload. */
  readonly payload: number;
  /** Checksums that the payload must have in hexadecimal; none where they are not known. */
  readonly checksums: ReadonlyMap<Algorithm, string>;
  /** Folder for working files, on the file system of the target. */
  readonly workFolder: string;
}

/**
 * Checks that a stick can start the machines of an architecture. Pure.
 * @throws {VmbuildError} USAGE.
 */
export function checkArchitecture(arch: string = x8664.name): void {
  if (arch === x8664.name) return;
  throw new VmbuildError("USAGE", `A stick cannot install an image for ${arch}`, {
    hint: `It starts ${x8664.name} machines only.`,
  });
}

/**
 * Checks a label: exFAT allows 11 characters; these need no escapes anywhere. Pure.
 * @throws {VmbuildError} USAGE.
 */
export function checkLabel(label: string): void {
  if (/^[A-Za-z0-9_-]{1,11}$/.test(label)) return;
  throw new VmbuildError("USAGE", `${JSON.stringify(label)} is not a valid label of a stick`, {
    hint: "Use 1 to 11 letters, digits, _ or -.",
  });
}

/**
 * Checks that the stick's image can take the place of what is at its path.
 * @throws {VmbuildError} USAGE.
 */
export async function checkTarget({ target, payload, settings }: StickRequest): Promise<void> {
  const there = await statIfThere(target);
  if (there === undefined) return;
  if (!there.isFile()) {
    throw new VmbuildError("USAGE", `${target} is not a regular file`, {
      hint: "Make the image of the stick in a file, and then write it to a stick, for example with dd.",
    });
  }
  for (const source of [payload, settings]) {
    const other = source === undefined ? undefined : await statIfThere(source);
    if (other?.ino !== there.ino || other.dev !== there.dev) continue;
    throw new VmbuildError("USAGE", `The image of the stick would overwrite ${source ?? ""}`, {
      hint: "Use another path for it.",
    });
  }
}

/**
 * Returns the size of the stick in bytes: whole MiB.
 * @throws {VmbuildError} USAGE where the given one is too small.
 */
export function stickSize({ size }: Pick<StickRequest, "size">, payload: number): number {
  if (size === undefined) return sizeFor(payload);
  // Room for the clusters of exFAT, the sum, the settings and the log.
  const needed = SMALLEST_STICK + payload;
  if (size >= needed) return Math.floor(size / MIB) * MIB;
  const [given, least] = formatSizes(size, needed);
  throw new VmbuildError("USAGE", `A stick of ${given} is too small for the image`, {
    hint: `It needs at least ${least}.`,
  });
}

/**
 * Returns the checksums that the payload must have in hexadecimal; none where they are not known.
 * @throws {VmbuildError} INPUT_MISSING where the file beside it has none.
 */
export async function checksumsOf({
  payload,
  checksums = {},
}: StickRequest): Promise<ReadonlyMap<Algorithm, string>> {
  const known = ALGORITHMS.flatMap((algorithm) => {
    const hex = checksums[algorithm];
    return hex === undefined ? [] : [[algorithm, hex] as const];
  });
  if (known.length > 0) return new Map(known);
  const path = checksumPath(payload, "sha256");
  const text = await readIfThere(path);
  if (text === undefined) return new Map();
  const sum = /^[0-9a-f]{64}(?=\s|$)/i.exec(text.replace(/^\uFEFF/, ""))?.[0].toLowerCase();
  if (sum !== undefined) return new Map([["sha256", sum]]);
  throw new VmbuildError("INPUT_MISSING", `${path} has no sha256`, {
    hint: "Correct the file, or remove it.",
  });
}
