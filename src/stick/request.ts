/** Defines what a stick is made of, and checks it before anything is made. */
import { stat } from "node:fs/promises";
import { basename } from "node:path";
import { VmbuildError } from "../errors.js";
import { readIfThere } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { x8664 } from "../machine/architectures/x86-64.js";
import { isStickName } from "./exfat-entries.js";
import { MIB, SMALLEST_STICK, sizeFor } from "./layout.js";
import type { Mode } from "./settings.js";

/** What a stick is made of. */
export interface StickRequest {
  /** Absolute path of the image to install. */
  readonly payload: string;
  /**
   * Its sha256 in hexadecimal, where it is known; by default that in `PAYLOAD.sha256` beside it.
   * Another content is refused.
   */
  readonly expected?: string | undefined;
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
  /** sha256 that the payload must have in hexadecimal, where it is known. */
  readonly expected: string | undefined;
  /** Folder for working files, on the file system of the target. */
  readonly workFolder: string;
}

/** Endings of the files that the installer recognizes. */
const PAYLOAD_ENDINGS = /\.(qcow2|raw|img|raw\.zst|img\.zst|raw\.gz|img\.gz|tar)$/i;

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
 * Checks the payload and returns its size in bytes.
 * @throws {VmbuildError} USAGE, INPUT_MISSING.
 */
export async function checkPayload(path: string): Promise<number> {
  const name = basename(path);
  if (!PAYLOAD_ENDINGS.test(name)) {
    throw new VmbuildError("USAGE", `The installer does not recognize ${name} as an image`, {
      hint: "Its name must end in .qcow2, .raw, .img, .raw.zst, .raw.gz or .tar.",
    });
  }
  if (!isStickName(name) || name.startsWith(".")) {
    throw new VmbuildError("USAGE", `${JSON.stringify(name)} cannot be a name on the stick`, {
      hint: "Rename it: letters of ASCII, digits and the usual punctuation, at most 255 characters.",
    });
  }
  const status = await stat(path).catch((cause: unknown) => {
    throw new VmbuildError("INPUT_MISSING", `${path} cannot be read`, { cause });
  });
  if (status.isFile() && status.size > 0) return status.size;
  throw new VmbuildError("USAGE", `${path} is not a file with an image`);
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
 * Returns the sha256 that the payload must have in hexadecimal, where it is known.
 * @throws {VmbuildError} INPUT_MISSING where the file beside it has none.
 */
export async function expectedSum(request: StickRequest): Promise<string | undefined> {
  if (request.expected !== undefined) return request.expected;
  const path = `${request.payload}.sha256`;
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const sum = /^[0-9a-f]{64}(?=\s|$)/i.exec(text.replace(/^\uFEFF/, ""))?.[0].toLowerCase();
  if (sum !== undefined) return sum;
  throw new VmbuildError("INPUT_MISSING", `${path} has no sha256`, {
    hint: "Correct the file, or remove it.",
  });
}
