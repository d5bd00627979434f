/** Sanitizes, measures, cuts and wraps text for terminals. */
import { stripVTControlCharacters } from "node:util";
import stringWidth from "string-width";
import wrapAnsi from "wrap-ansi";

/** C0, DEL and C1 controls, line separators, and characters that change the direction of text. */
// eslint-disable-next-line no-control-regex -- control characters are the point here
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
/**
 * Segments text into graphemes, which may consist of several code points: an emoji of a family has
 * up to eleven.
 */
const segmenter = new Intl.Segmenter();

/**
 * Returns a line of untrusted text (a guest's output, a name) without escape sequences and control
 * characters. Tabs become spaces.
 */
export function cleanText(text: string): string {
  if (text.search(UNSAFE) === -1) return text;
  return stripVTControlCharacters(text.replaceAll("\t", "  ")).replace(UNSAFE, "");
}

/** Returns the number of columns that the text takes on a terminal. */
export function displayWidth(text: string): number {
  // Most text is ASCII, whose width is its length.
  return /^[ -~]*$/.test(text) ? text.length : stringWidth(text);
}

/** Cuts the text to at most `columns` columns; an ellipsis replaces what was cut. */
export function cutText(text: string, columns: number): string {
  // Limits the work for long lines: a line of output may have 16,000 characters.
  const head = text.length > 12 * columns + 64 ? text.slice(0, 12 * columns + 64) : text;
  if (head === text && displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let result = "";
  let width = 0;
  for (const { segment } of segmenter.segment(head)) {
    width += displayWidth(segment);
    if (width > columns - 1) break;
    result += segment;
  }
  return `${result}…`;
}

/** Pads the text with spaces on the right. */
export function padText(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/** Wraps text at spaces into lines of at most `columns`; longer words are not broken. */
export function wrapText(text: string, columns: number): string[] {
  return wrapAnsi(text, columns).split("\n");
}
