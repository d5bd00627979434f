/** Checks the line endings of scripts and of shell texts. */
import { LINE_ENDING_PROBLEMS, isShell, lineEndingsOf } from "../steps/line-endings.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";

/** Script or shell text. `name` begins the sentence about it. */
export interface CheckedText {
  readonly name: string;
  /** Whole text, or the commands of which it consists. */
  readonly parts: readonly (Buffer | string)[];
  readonly interpreter: readonly string[];
}

/**
 * Reports Windows line endings, on which a shell fails; other programs may accept them.
 * @returns whether the syntax can be checked.
 */
export function checkLineEndings(
  collector: Collector,
  place: JsonPath,
  { name, parts, interpreter }: CheckedText,
): boolean {
  const endings = parts.map(lineEndingsOf);
  if (!endings.includes("windows") && !endings.includes("mixed")) return true;
  if (endings.includes("windows") && isShell(interpreter)) {
    collector.problem(place, `${name} ${LINE_ENDING_PROBLEMS.windows}`);
    return false;
  }
  const problem = endings.includes("windows")
    ? "has Windows line endings (CRLF)"
    : LINE_ENDING_PROBLEMS.mixed;
  collector.warning(place, `${name} ${problem}`);
  return true;
}
