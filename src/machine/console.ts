/** Reads the end of the guest's serial console for error messages. */
import { open } from "node:fs/promises";
import { stripVTControlCharacters } from "node:util";
import { systemCode } from "../errors.js";

const TAIL_BYTES = 16 * 1024;

/**
 * Returns the last lines of a console file, without control characters and empty lines. Empty when
 * the file does not exist yet.
 */
export async function readConsoleTail(path: string, limit = 15): Promise<string[]> {
  try {
    await using handle = await open(path, "r");
    const { size } = await handle.stat();
    const start = Math.max(0, size - TAIL_BYTES);
    const buffer = Buffer.alloc(size - start);
    await handle.read(buffer, 0, buffer.length, start);
    return stripVTControlCharacters(buffer.toString("utf8"))
      .split(/[\r\n]+/)
      .map((line) => line.trimEnd())
      .filter((line) => line !== "")
      .slice(-limit);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  }
}
