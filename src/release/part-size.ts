/** Validates the largest size of a part. */
import { VmbuildError } from "../errors.js";
import { parseSize } from "../sizes.js";
import { PART_LIMIT } from "./names.js";

/**
 * Parses a size such as `1G`; undefined stays undefined.
 * @throws {VmbuildError} USAGE for a text that is not a size, and for sizes above GitHub's limit.
 */
export function parsePartSize(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const bytes = /^\d+$/.test(text) ? Number(text) : parseSize(text);
  if (bytes !== undefined) return requirePartSize(bytes);
  throw new VmbuildError("USAGE", `--part-size ${text} is not a size`, {
    hint: "Use for example 1G or 500M.",
  });
}

/**
 * Returns the size in bytes.
 * @throws {VmbuildError} USAGE for a size that is not supported.
 */
export function requirePartSize(bytes: number): number {
  if (Number.isInteger(bytes) && bytes >= 1 && bytes <= PART_LIMIT) return bytes;
  throw new VmbuildError("USAGE", `A part of ${bytes} bytes is not supported`, {
    hint: `Use at most ${PART_LIMIT} bytes, the largest file that GitHub accepts.`,
  });
}
