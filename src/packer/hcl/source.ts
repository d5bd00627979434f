/** Text of a file with its lines, from which places are computed. */

/** Part of a file. Lines and columns begin with 1; columns count characters. */
export interface Place {
  /** Path of the file as it is shown to the user. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  /** Column after the last character. */
  readonly endColumn: number;
  /** Text of the expression or of the block's header, as it is in the file. */
  readonly text: string;
}

/** Offsets of a part of a file: `start` is inclusive, `end` exclusive. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** File of a template, or a text that stands for one. */
export class SourceFile {
  /** Path as it is shown to the user. */
  readonly name: string;
  readonly text: string;
  /** Part of another file from which this text was decoded; places are those of this part. */
  readonly origin: Span | undefined;
  #lineStarts: number[] | undefined;

  constructor(name: string, text: string, origin?: Span) {
    this.name = name;
    this.text = text;
    this.origin = origin;
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
  const text = file.text.slice(start, Math.min(end, start + MAX_TEXT));
  if (file.origin) return { ...placeOf(file.origin), text };
  const from = file.position(start);
  const to = file.position(end);
  return {
    file: file.name,
    line: from.line,
    column: from.column,
    endLine: to.line,
    endColumn: to.column,
    text,
  };
}
