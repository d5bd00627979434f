/** Handles Linux file names as bytes, which need not be UTF-8. */
import { isUtf8 } from "node:buffer";

/**
 * Converts a name to text for display and comparison. In a name that is not UTF-8, each byte that
 * is not ASCII becomes `\xNN`.
 */
export function displayName(name: Buffer): string {
  if (isUtf8(name)) return name.toString("utf8");
  return name
    .toString("latin1")
    .replaceAll(/[\u0080-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}

/** Returns the path of a name in a folder. */
export function childPath(folder: Buffer | string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder as string), Buffer.from("/"), name]);
}
