/** Parses sizes, and rejects those that are implausible for their purpose. */
import { formatSizes } from "./host/format.js";

const SIZE_UNITS = { "": 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 } as const;
type SizeUnit = keyof typeof SIZE_UNITS;

const { M: MIB, T: TIB } = SIZE_UNITS;

/** Allowed range of a size. Bytes. */
export interface SizeRange {
  readonly least: number;
  readonly most: number;
  /** Range of sizes that are suggested in place of an implausible one. */
  readonly common: readonly [number, number];
}

/** Ranges by the purpose of the size. */
export const SIZE_RANGES = {
  memory: { least: 16 * MIB, most: 64 * TIB, common: [128 * MIB, TIB - 1] },
  disk: { least: 16 * MIB, most: 1024 * TIB, common: [256 * MIB, 64 * TIB] },
  any: { least: 1, most: Number.MAX_SAFE_INTEGER, common: [64 * MIB, 64 * TIB] },
  limit: { least: MIB, most: 1024 * TIB, common: [64 * MIB, 64 * TIB] },
} as const satisfies Record<string, SizeRange>;

function partsOf(text: string): { amount: string; unit: SizeUnit } | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?|B)?$/i.exec(text.trim());
  if (match?.[1] === undefined) return undefined;
  return { amount: match[1], unit: (match[2] ?? "").toUpperCase() as SizeUnit };
}

function bytesOf(amount: string, unit: SizeUnit): number {
  const exact = Number(amount) * SIZE_UNITS[unit];
  // 1.1G is not a whole number of bytes; a fraction of a byte is invalid.
  return unit === "" ? exact : Math.round(exact);
}

/**
 * Parses `512M`, `16G`, `50GiB`, `1.5T` or a plain number of bytes. All units are powers
 * of 1024, as in QEMU. Undefined when the text is not a size.
 */
export function parseSize(text: string): number | undefined {
  const parts = partsOf(text);
  if (!parts) return undefined;
  const bytes = bytesOf(parts.amount, parts.unit);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : undefined;
}

/** Returns the number with the unit that was probably meant. Packer and others use megabytes. */
function suggestion(amount: string, { common }: SizeRange): string | undefined {
  const order: SizeUnit[] = Number(amount) < 256 ? ["G", "M", "T", "K"] : ["M", "G", "K", "T"];
  const unit = [...order, "" as const].find((candidate) => {
    const bytes = bytesOf(amount, candidate);
    return Number.isInteger(bytes) && bytes >= common[0] && bytes <= common[1];
  });
  return unit === undefined ? undefined : `${amount}${unit}`;
}

function meaning(shown: string, amount: string, unit: SizeUnit, range: SizeRange): string {
  if (unit === "") return `${shown} has no unit and means ${amount} bytes`;
  const bytes = bytesOf(amount, unit);
  const small = bytes < range.least;
  const [size, limit] = formatSizes(bytes, small ? range.least : range.most);
  return `${shown} means ${size}; the ${small ? "minimum" : "maximum"} is ${limit}`;
}

/** Formats bytes as a template writes them, such as `16G`; a plain number where no unit divides them. */
export function sizeText(bytes: number): string {
  const unit = (["T", "G", "M", "K"] as const).find((name) => bytes % SIZE_UNITS[name] === 0);
  return unit === undefined ? String(bytes) : `${bytes / SIZE_UNITS[unit]}${unit}`;
}

/**
 * Parses a size, and rejects an implausible one.
 * @returns bytes, or a message with the spelling that was probably meant.
 */
export function readSize(
  value: string | number,
  range: SizeRange,
): { readonly bytes: number } | { readonly problem: string } {
  const shown = JSON.stringify(value);
  const parts = partsOf(String(value));
  if (!parts) return { problem: `${shown} is not a valid size; use for example "16G" or "512M"` };
  const bytes = parseSize(String(value));
  if (bytes !== undefined && bytes >= range.least && bytes <= range.most) return { bytes };
  const better = suggestion(parts.amount, range);
  const advice =
    better === undefined ? 'use for example "16G" or "512M"' : `did you mean "${better}"?`;
  return { problem: `${meaning(shown, parts.amount, parts.unit, range)}; ${advice}` };
}
