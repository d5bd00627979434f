/** Text for terminals: made harmless, measured, cut and wrapped. */
import { stripVTControlCharacters } from "node:util";

/** C0, DEL and C1 controls, line separators, and the marks that reorder text. */
// eslint-disable-next-line no-control-regex -- control characters are the point here
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;
const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;
/** East Asian wide and full-width forms (Unicode TR 11), and pictures. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}\p{Emoji_Presentation}]$/u;

/**
 * One line of foreign text (a guest's output, a name) without anything that a terminal would
 * obey: escape sequences and control characters go, tabs become spaces.
 */
export function cleanText(text: string): string {
  if (text.search(UNSAFE) === -1) return text;
  return stripVTControlCharacters(text.replaceAll("\t", "  ")).replace(UNSAFE, "");
}

/** How many columns the text takes. */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

function characterWidth(character: string): number {
  if (ZERO_WIDTH.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}

/** The text in at most `columns` columns; what was cut ends in an ellipsis. */
export function cutText(text: string, columns: number): string {
  // Nothing beyond this can be shown; a line of output may have 16,000 characters.
  const head = text.length > 4 * columns + 64 ? text.slice(0, 4 * columns + 64) : text;
  if (head === text && displayWidth(text) <= columns) return text;
  if (columns < 1) return "";
  let kept = "";
  let width = 0;
  for (const character of head) {
    width += characterWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}

/** The text filled up with spaces on the right. */
export function padText(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - displayWidth(text)));
}

/** Breaks prose at spaces into lines of at most `columns`; a longer word stays whole. */
export function wrapText(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && displayWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
