/** Places in JSON, such as `data[*].id`, and whether what lies there is what is wanted. */
import type { ExpectedValue } from "./expected-value.js";

/** `*` in brackets: every element of a list, or every value of an object. */
const EVERY = Symbol("every");
type Part = string | number | typeof EVERY;

const PART = /\.?([A-Za-z_$][\w$-]*)|\[(\d+|\*|"(?:[^"\\]|\\.)*")\]/y;

function parsePath(text: string): Part[] | undefined {
  const parts: Part[] = [];
  const start = text.startsWith("$") && /^\$(?=[.[]|$)/.test(text) ? 1 : 0;
  PART.lastIndex = start;
  while (PART.lastIndex < text.length) {
    const at = PART.lastIndex;
    const match = PART.exec(text);
    if (!match) return undefined;
    const [whole, key, inBrackets = ""] = match;
    // A name needs a dot before it, but for the first one.
    if (key !== undefined && !whole.startsWith(".") && at > start) return undefined;
    if (key !== undefined && whole.startsWith(".") && at === 0) return undefined;
    if (key !== undefined) parts.push(key);
    else if (inBrackets === "*") parts.push(EVERY);
    else parts.push(JSON.parse(inBrackets) as string | number);
  }
  return parts;
}

/** What is wrong with a path; undefined when nothing is. */
export function jsonPathProblem(text: string): string | undefined {
  if (text !== "" && parsePath(text)) return undefined;
  return 'a path is made of names, [0], [*] and ["any name"]: data[*].id; $ is the whole';
}

/** Every value at the path. */
export function valuesAt(value: unknown, path: string): unknown[] {
  return (parsePath(path) ?? []).reduce<unknown[]>(
    (values, part) => values.flatMap((at) => step(at, part)),
    [value],
  );
}

function step(value: unknown, part: Part): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  if (part === EVERY) return Object.values(value);
  const isList = Array.isArray(value);
  if (isList !== (typeof part === "number") || !Object.hasOwn(value, part)) return [];
  return [(value as Record<string | number, unknown>)[part]];
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** A number's value; how many there are of anything that has parts. */
function amountOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : Number.NaN;
}

function fits(value: unknown, expected: ExpectedValue): boolean {
  if (typeof expected !== "object") return value === expected;
  const { type, matches, notEmpty, atLeast, atMost } = expected;
  return (
    (type === undefined || kindOf(value) === type) &&
    (matches === undefined ||
      (typeof value === "string" && new RegExp(matches, "u").test(value))) &&
    (notEmpty !== true || amountOf(value) > 0) &&
    (atLeast === undefined || amountOf(value) >= atLeast) &&
    (atMost === undefined || amountOf(value) <= atMost)
  );
}

const MOST_CHARACTERS = 120;

function shown(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
}

/**
 * Whether some value at the path is as it should be.
 * @returns what is wrong, or undefined when nothing is.
 */
export function mismatchAt(
  document: unknown,
  path: string,
  expected: ExpectedValue,
): string | undefined {
  const values = valuesAt(document, path);
  if (typeof expected === "object" && expected.exists === false) {
    return values.length === 0 ? undefined : `${path} exists: ${shown(values[0])}`;
  }
  if (values.some((value) => fits(value, expected))) return undefined;
  if (values.length === 0) return `${path} does not exist`;
  const found = values.slice(0, 3).map(shown).join(", ");
  return `${path} is ${found}${values.length > 3 ? ", …" : ""}, not ${shown(expected)}`;
}
