/** File names as Linux has them: bytes, which need not be UTF-8. */
import { isUtf8 } from "node:buffer";

/** A name to show, and to compare: its text, or with `\xNN` for each byte that is not ASCII. */
export function displayName(name: Buffer): string {
  if (isUtf8(name)) return name.toString("utf8");
  return name
    .toString("latin1")
    .replaceAll(/[\u0080-\u00ff]/g, (byte) => `\\x${byte.charCodeAt(0).toString(16)}`);
}

/** The path of what has this name in a folder. */
export function childPath(folder: Buffer | string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(folder as string), Buffer.from("/"), name]);
}
