/** Extracts the text of a checksum file: its encoding, and the text inside an OpenPGP signature. */

/**
 * Decodes a checksum file: UTF-8, or UTF-16 as written by PowerShell. A byte order mark is removed.
 */
export function decodeSums(bytes: Buffer): string {
  const [first, second] = [bytes[0], bytes[1]];
  const isBig = (first === 0xfe && second === 0xff) || (first === 0 && second !== 0);
  const isLittle = (first === 0xff && second === 0xfe) || (first !== 0 && second === 0);
  if (bytes.length < 2 || (!isBig && !isLittle))
    return bytes.toString("utf8").replace(/^\ufeff/, "");
  const even = Buffer.from(bytes.subarray(0, bytes.length & ~1));
  return (isBig ? even.swap16() : even).toString("utf16le").replace(/^\ufeff/, "");
}

const BEGIN = /^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?$/gm;
const SIGNATURE = /^-----BEGIN PGP SIGNATURE-----[ \t]*\r?$/m;

/** Counts the clear-signed messages in a text. */
export function countClearSigned(text: string): number {
  return text.match(BEGIN)?.length ?? 0;
}

/**
 * Returns the text of a clear-signed message (RFC 9580, section 7) without verifying it; undefined
 * when the message is incomplete.
 */
export function clearSignedText(text: string): string | undefined {
  const [, after] = text.split(/^-----BEGIN PGP SIGNED MESSAGE-----[ \t]*\r?$/m);
  const end = after === undefined ? -1 : after.search(SIGNATURE);
  if (after === undefined || end < 0) return undefined;
  const lines = after.slice(0, end).split(/\r?\n/).slice(1);
  // Headers such as "Hash: SHA256" end at the first empty line.
  const start = lines.findIndex((line) => line.trim() === "") + 1;
  return lines
    .slice(start)
    .map((line) => line.replace(/^- /, ""))
    .join("\n");
}
