/**
 * Writes checksum files in the format of GNU coreutils, which `sha256sum -c` and similar programs
 * accept.
 */
import type { Algorithm } from "./digest.js";

/** Returns `NAME.sha256` for `NAME`, and likewise for the other algorithms. */
export function checksumPath(path: string, algorithm: Algorithm): string {
  return `${path}.${algorithm}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };

/**
 * Returns the line of a checksum file: the digest, two spaces, and the name without its folder. A
 * name with a backslash or a line break is escaped, and the line then begins with a backslash
 * (coreutils' manual, "cksum output modes").
 */
export function formatChecksum(hex: string, name: string): string {
  const escaped = name.replaceAll(/[\\\n\r]/g, (character) => ESCAPES[character] ?? character);
  return `${escaped === name ? "" : "\\"}${hex}  ${escaped}\n`;
}
