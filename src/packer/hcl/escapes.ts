/** Escapes in quoted texts of HCL. */
import type { Reader } from "./reader.js";

const SIMPLE: Readonly<Record<string, string>> = {
  n: "\n",
  r: "\r",
  t: "\t",
  '"': '"',
  "\\": "\\",
};

/** Reads the escape at an offset: `\n`, `\r`, `\t`, `\"`, `\\`, `\uXXXX` or `\UXXXXXXXX`. */
export function readEscape(reader: Reader, at: number): { text: string; end: number } {
  const letter = reader.text.charAt(at + 1);
  const simple = Object.hasOwn(SIMPLE, letter) ? SIMPLE[letter] : undefined;
  if (simple !== undefined) return { text: simple, end: at + 2 };
  if (letter === "u" || letter === "U") {
    const length = letter === "u" ? 4 : 8;
    const digits = reader.text.slice(at + 2, at + 2 + length);
    const code = Number.parseInt(digits, 16);
    if (new RegExp(`^[0-9a-fA-F]{${length}}$`).test(digits) && code <= 0x10_ff_ff) {
      return { text: String.fromCodePoint(code), end: at + 2 + length };
    }
    throw reader.fault(`Expected ${length} hexadecimal digits after "\\${letter}".`, {
      start: at,
      end: at + 2,
    });
  }
  throw reader.fault(
    `"\\${letter}" is not an escape of HCL. Write a backslash as "\\\\"; ` +
      'the escapes are \\n, \\r, \\t, \\", \\\\, \\uXXXX and \\UXXXXXXXX.',
    { start: at, end: at + 2 },
  );
}
