/** Checksum files as GNU coreutils writes them, so that `sha256sum -c` and its kin accept them. */
import type { Algorithm } from "./digest.js";

/** `NAME.sha256` for `NAME`; the same for the other algorithms. */
export function checksumPath(path: string, algorithm: Algorithm): string {
  return `${path}.${algorithm}`;
}

const ESCAPES: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r" };

/**
 * The one line of a checksum file: the digest, two spaces, the name without its folder.
 * A name with a backslash or an end of line is escaped, and the line then begins with a
 * backslash (coreutils' manual, "cksum output modes").
 */
export function formatChecksum(hex: string, name: string): string {
  const escaped = name.replaceAll(/[\\\n\r]/g, (character) => ESCAPES[character] ?? character);
  return `${escaped === name ? "" : "\\"}${hex}  ${escaped}\n`;
}
