/** Checks the line ends of scripts and of shell texts. */
import { LINE_ENDS, isShell, lineEndsOf } from "../steps/line-ends.js";
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
export function checkLineEnds(
  collector: Collector,
  place: JsonPath,
  { name, parts, interpreter }: CheckedText,
): boolean {
  const ends = parts.map(lineEndsOf);
  if (!ends.includes("windows") && !ends.includes("mixed")) return true;
  if (ends.includes("windows") && isShell(interpreter)) {
    collector.problem(place, `${name} ${LINE_ENDS.windows}`);
    return false;
  }
  const words = ends.includes("windows") ? "has Windows line endings (CRLF)" : LINE_ENDS.mixed;
  collector.warning(place, `${name} ${words}`);
  return true;
}
