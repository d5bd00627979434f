/** Decodes text files in the encodings that editors and shells commonly write. */
import { isUtf8 } from "node:buffer";

/** Detected encoding, and the length of its byte order mark if it has one. */
interface Recognized {
  readonly encoding: "utf-8" | "utf-16le" | "utf-16be";
  /** Length of the byte order mark in bytes. */
  readonly mark: number;
}

/**
 * Detects the encoding by the byte order mark, or by the position of the zero bytes of ASCII
 * characters.
 */
function recognize(bytes: Uint8Array): Recognized | undefined {
  const [a, b, c, d] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return { encoding: "utf-8", mark: 3 };
  // UTF-32 starts with the byte order mark of UTF-16, but no common program writes it.
  if (a === 0xff && b === 0xfe && !(c === 0 && d === 0)) return { encoding: "utf-16le", mark: 2 };
  if (a === 0xfe && b === 0xff) return { encoding: "utf-16be", mark: 2 };
  if (a === 0 && b !== 0 && b !== undefined && c === 0) return { encoding: "utf-16be", mark: 0 };
  if (a !== 0 && b === 0 && c !== 0 && d === 0) return { encoding: "utf-16le", mark: 0 };
  return isUtf8(bytes) && !(a === 0 || b === 0) ? { encoding: "utf-8", mark: 0 } : undefined;
}

/**
 * Locates the first byte that is not valid UTF-8. Line and column are counted from 1, columns in
 * bytes.
 */
function firstInvalidByte(bytes: Uint8Array): string {
  // Binary search for the longest valid prefix; a character that is cut off at its end is allowed.
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    const whole = [0, 1, 2, 3].some((cut) => isUtf8(bytes.subarray(0, middle - cut)));
    if (whole) good = middle;
    else bad = middle;
  }
  while (good > 0 && !isUtf8(bytes.subarray(0, good))) good--;
  const before = bytes.subarray(0, good);
  const line = before.filter((byte) => byte === 0x0a).length + 1;
  const column = good - before.lastIndexOf(0x0a);
  const hex = (bytes[good] ?? 0).toString(16).padStart(2, "0");
  return `line ${line}, column ${column}: byte 0x${hex}`;
}

/**
 * Decodes UTF-8, and UTF-16 as written by PowerShell and Windows editors. A byte order mark is
 * removed.
 * @returns the text, or a description of what could not be decoded.
 */
export function decodeText(
  bytes: Uint8Array,
): { readonly text: string } | { readonly problem: string } {
  const found = recognize(bytes);
  if (found) {
    const { encoding, mark } = found;
    try {
      const decoder = new TextDecoder(encoding, { fatal: true, ignoreBOM: true });
      return { text: decoder.decode(bytes.subarray(mark)) };
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      if (encoding !== "utf-8") return { problem: `is not valid ${encoding.toUpperCase()}` };
    }
  }
  return { problem: `is not UTF-8 (${firstInvalidByte(bytes)})` };
}
