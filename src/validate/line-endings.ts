/** Checks the line ends of scripts and of shell texts. */
import { LINE_ENDING_PROBLEMS, isShell, lineEndingsOf } from "../steps/line-endings.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";

/** A script, or a text of the template. `name` begins the sentence about it. */
export interface CheckedText {
  readonly name: string;
  /** The whole, or the commands that it is made of. */
  readonly parts: readonly (Buffer | string)[];
  readonly interpreter: readonly string[];
}

/**
 * Reports line ends of Windows: a shell fails on them, others may read them.
 * @returns whether its syntax can be checked.
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
    ? "has line ends of Windows (CRLF)"
    : LINE_ENDING_PROBLEMS.mixed;
  collector.warning(place, `${name} ${problem}`);
  return true;
}
