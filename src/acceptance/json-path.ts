/** Queries for values in JSON (RFC 9535), and whether one of the values found is as expected. */
import { createRequire } from "node:module";
import type * as JsonP3 from "json-p3";
import { messageOf } from "../errors.js";
import type { ExpectedValue } from "./expected-value.js";

type Library = typeof JsonP3;

/** Loads the library with the first query: few templates have one, and it takes as long as zod. */
const library = (): Library => createRequire(import.meta.url)("json-p3") as Library;

/** Text that the short form of a query leaves out: `data[*].id` is `$.data[*].id`. */
function omittedPrefix(path: string): string {
  if (path.startsWith("$")) return "";
  return path.startsWith("[") ? "$" : "$.";
}

/** Says where a query is wrong; the library counts from 0, and names no place at the end. */
function describeError(error: unknown, path: string): string {
  const { JSONPathError } = library();
  if (!(error instanceof JSONPathError)) return messageOf(error);
  const { index } = error.token;
  const at = index < 0 ? path.length : Math.max(0, index - omittedPrefix(path).length);
  return `${error.message.replace(/ \('.*':-?\d+\)$/s, "")} at character ${at + 1}`;
}

/**
 * Checks a query.
 * @returns what is wrong and at which character, counted from 1; undefined when it is valid.
 */
export function jsonPathProblem(path: string): string | undefined {
  const { compile } = library();
  const prefix = "is not a valid JSONPath (RFC 9535)";
  if (path === "") return `"" ${prefix}: "$" selects the whole document`;
  // "$." before it would search at every depth, which is seldom meant.
  if (path.startsWith(".")) return `${JSON.stringify(path)} ${prefix}: write "$${path}"`;
  try {
    compile(omittedPrefix(path) + path);
    return undefined;
  } catch (error) {
    return `${JSON.stringify(path)} ${prefix}: ${describeError(error, path)}`;
  }
}

/**
 * Returns every value that a query finds.
 * @throws {Error} when the query is not valid, or the document is nested too deeply for `..`.
 */
export function valuesAt(document: unknown, path: string): unknown[] {
  const found = library().query(omittedPrefix(path) + path, document as JsonP3.JSONValue);
  return found.values();
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** A number's value; how many there are of anything that has parts. */
function sizeOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value === "string") return value.length;
  return typeof value === "object" && value !== null ? Object.keys(value).length : Number.NaN;
}

function isAsExpected(value: unknown, expected: ExpectedValue): boolean {
  if (typeof expected !== "object") return value === expected;
  const { type, matches, notEmpty, atLeast, atMost } = expected;
  return (
    (type === undefined || typeOf(value) === type) &&
    (matches === undefined ||
      (typeof value === "string" && new RegExp(matches, "u").test(value))) &&
    (notEmpty !== true || sizeOf(value) > 0) &&
    (atLeast === undefined || sizeOf(value) >= atLeast) &&
    (atMost === undefined || sizeOf(value) <= atMost)
  );
}

const MAX_CHARACTERS = 120;

function shorten(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text;
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
    return values.length === 0 ? undefined : `${path} exists: ${shorten(values[0])}`;
  }
  if (values.some((value) => isAsExpected(value, expected))) return undefined;
  if (values.length === 0) return `${path} does not exist`;
  const found = values.slice(0, 3).map(shorten).join(", ");
  return `${path} is ${found}${values.length > 3 ? ", …" : ""}, not ${shorten(expected)}`;
}
