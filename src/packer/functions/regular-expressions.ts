/** Functions with regular expressions in Go's syntax (RE2), which match in linear time. */
import { RE2JS } from "re2js";
import { messageOf } from "../../errors.js";
import { mapOf } from "../eval/values.js";
import type { Value } from "../model.js";
import { FunctionError, textFunction } from "./function.js";
import type { FunctionTable } from "./function.js";

/** Match of a pattern: whole text and groups. A group that did not take part is undefined. */
interface Match {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (string | undefined)[];
}

function compile(pattern: string): RE2JS {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    throw new FunctionError(`"${pattern}" is not a regular expression: ${messageOf(error)}`);
  }
}

function* matchesOf(expression: RE2JS, text: string): Generator<Match> {
  const matcher = expression.matcher(text);
  const count = matcher.groupCount();
  while (matcher.find()) {
    const groups = Array.from(
      { length: count + 1 },
      (_, index) => matcher.group(index) ?? undefined,
    );
    yield { start: matcher.start(), end: matcher.end(), groups };
  }
}

function namesOf(expression: RE2JS): Map<string, number> {
  return new Map(Object.entries(expression.namedGroups()));
}

/** Value of a match: the text, or a tuple of the groups, or an object of the named groups. */
function matchValue({ groups: [whole = "", ...groups] }: Match, names: Map<string, number>): Value {
  if (groups.length === 0) return whole;
  if (names.size === 0) return groups.map((group) => group ?? null);
  if (names.size !== groups.length) {
    throw new FunctionError("named and unnamed groups cannot be mixed in one regular expression");
  }
  return mapOf([...names].map(([name, index]) => [name, groups[index - 1] ?? null]));
}

function findOne(pattern: string, text: string): Value {
  const expression = compile(pattern);
  for (const match of matchesOf(expression, text)) return matchValue(match, namesOf(expression));
  throw new FunctionError("the regular expression does not match the text");
}

function findAll(pattern: string, text: string): Value {
  const expression = compile(pattern);
  const names = namesOf(expression);
  return [...matchesOf(expression, text)].map((match) => matchValue(match, names));
}

/** Expands `$1`, `${1}`, `$name`, `${name}` and `$$`, as Go's Regexp.Expand. */
function expand(template: string, { groups }: Match, names: Map<string, number>): string {
  return template.replaceAll(/\$(?:\$|(\w+)|\{(\w+)\})/g, (raw, short?: string, long?: string) => {
    if (raw === "$$") return "$";
    const name = short ?? long ?? "";
    const index = /^\d+$/.test(name) ? Number(name) : names.get(name);
    return index === undefined ? "" : (groups[index] ?? "");
  });
}

function replaceMatches(text: string, pattern: string, replacement: string): string {
  const expression = compile(pattern);
  const names = namesOf(expression);
  let result = "";
  let position = 0;
  for (const match of matchesOf(expression, text)) {
    result += text.slice(position, match.start) + expand(replacement, match, names);
    position = match.end;
  }
  return result + text.slice(position);
}

/** Functions with regular expressions by their names in Packer. */
export const REGEX_FUNCTIONS: FunctionTable = {
  regex: textFunction(["pattern", "text"], (pattern = "", text = "") => findOne(pattern, text)),
  regexall: textFunction(["pattern", "text"], (pattern = "", text = "") => findAll(pattern, text)),
  regex_replace: textFunction(
    ["text", "pattern", "replacement"],
    (text = "", pattern = "", replacement = "") => replaceMatches(text, pattern, replacement),
  ),
};
