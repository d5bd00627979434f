/** Text of a file with its lines, from which places are computed. */
import type { Place } from "../model.js";
import type { Span } from "./syntax.js";

/** File of a template, or a text that stands for one. */
export class SourceFile {
  /** Path as it is shown to the user. */
  readonly name: string;
  readonly text: string;
  #lineStarts: number[] | undefined;

  constructor(name: string, text: string) {
    this.name = name;
    this.text = text;
  }

  /** Returns the line and the column of an offset, both beginning with 1. Columns count characters. */
  position(offset: number): { line: number; column: number } {
    const starts = (this.#lineStarts ??= lineStartsOf(this.text));
    let low = 0;
    let high = starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((starts[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    const before = this.text.slice(starts[low], offset);
    return { line: low + 1, column: Array.from(before).length + 1 };
  }
}

function lineStartsOf(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  return starts;
}

/** Longest text of an expression in a place; a longer one is cut. */
const MAX_TEXT = 20_000;

/** Returns the place of a span. */
export function placeOf({ file, start, end }: Span): Place {
  const from = file.position(start);
  const to = file.position(end);
  return {
    file: file.name,
    line: from.line,
    column: from.column,
    endLine: to.line,
    endColumn: to.column,
    text: file.text.slice(start, Math.min(end, start + MAX_TEXT)),
  };
}
