/** Reads the end of the guest's serial console for error messages. */
import { stripVTControlCharacters } from "node:util";
import { openIfThere } from "../host/files.js";

const TAIL_BYTES = 16 * 1024;

/**
 * Control sequences after which text continues on another line of the screen: movements to a line
 * (CSI A, B, E, F, H, d, f), clearing (CSI J), and ESC D, E, M (ECMA-48). Full-screen programs,
 * such as GNU screen in Debian's installer, end lines with them.
 */
const LINE_CHANGES = /\u001b(?:\[[0-9;?]*[ABEFHJdf]|[DEM])/g; // eslint-disable-line no-control-regex -- It matches control sequences.

/** Splits the output of a terminal into its lines, without control characters and empty lines. */
function consoleLines(text: string): string[] {
  return stripVTControlCharacters(text.replaceAll(LINE_CHANGES, "\n"))
    .split(/[\r\n]+/)
    .map((line) => line.trimEnd())
    .filter((line) => line !== "");
}

/**
 * Returns the last lines of a console file, without control characters and empty lines. Empty when
 * the file does not exist yet.
 */
export async function readConsoleTail(path: string, limit = 15): Promise<string[]> {
  await using handle = await openIfThere(path);
  if (!handle) return [];
  const { size } = await handle.stat();
  const start = Math.max(0, size - TAIL_BYTES);
  const buffer = Buffer.alloc(size - start);
  await handle.read(buffer, 0, buffer.length, start);
  return consoleLines(buffer.toString("utf8")).slice(-limit);
}
