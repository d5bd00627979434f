/** Formats rows of text in columns for commands. */
import { stripVTControlCharacters } from "node:util";
import { cutText, displayWidth } from "../events/sinks/text.js";

const GAP = "  ";

/**
 * Aligns rows. The last column is not padded, and trailing spaces are removed.
 * @param columns the terminal's width, to which lines without colors are cut; not cut unless
 *   given.
 */
export function alignRows(rows: readonly (readonly string[])[], columns?: number): string[] {
  const count = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: count }, (_, index) =>
    Math.max(0, ...rows.filter((row) => index < row.length - 1).map((row) => width(row[index]))),
  );
  return rows.map((row) => {
    const cells = row.map((cell, index) =>
      index === row.length - 1 ? cell : cell + " ".repeat((widths[index] ?? 0) - width(cell)),
    );
    const line = cells.join(GAP).trimEnd();
    return columns === undefined ? line : cutText(line, columns);
  });
}

/** Color codes take no columns. */
const width = (cell = ""): number => displayWidth(stripVTControlCharacters(cell));

/** Indents lines by two spaces for each level. */
export function indent(lines: readonly string[], levels = 1): string[] {
  return lines.map((line) => (line === "" ? "" : `${"  ".repeat(levels)}${line}`));
}

/** Formats a count with its noun: `1 step`, `3 steps`. */
export function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
