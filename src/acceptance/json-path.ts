/** Runs queries on JSON (RFC 9535), and compares the values found with an expected one. */
import { createRequire } from "node:module";
import type * as JsonP3 from "json-p3";
import { messageOf } from "../errors.js";
import type { ExpectedValue } from "./expected-value.js";

type Library = typeof JsonP3;

/**
 * Loads the library at the first query: few templates have one, and loading takes as long as zod.
 */
const library = (): Library => createRequire(import.meta.url)("json-p3") as Library;

/** Returns the prefix that the short form of a query omits: `data[*].id` is `$.data[*].id`. */
function omittedPrefix(path: string): string {
  if (path.startsWith("$")) return "";
  return path.startsWith("[") ? "$" : "$.";
}

/**
 * Describes an error in a query and its position. The library counts from 0, and gives no position
 * at the end.
 */
function describeError(error: unknown, path: string): string {
  const { JSONPathError } = library();
  if (!(error instanceof JSONPathError)) return messageOf(error);
  const { index } = error.token;
  const at = index < 0 ? path.length : Math.max(0, index - omittedPrefix(path).length);
  return `${error.message.replace(/ \('.*':-?\d+\)$/s, "")} at character ${at + 1}`;
}

/**
 * Checks a query.
 * @returns the problem and its position, counted from 1; undefined when the query is valid.
 */
export function jsonPathProblem(path: string): string | undefined {
  const { compile } = library();
  const prefix = "is not a valid JSONPath (RFC 9535)";
  if (path === "") return `"" ${prefix}: "$" selects the whole document`;
  // With "$." in front, it would search at every depth, which is rarely intended.
  if (path.startsWith(".")) return `${JSON.stringify(path)} ${prefix}: write "$${path}"`;
  try {
    compile(omittedPrefix(path) + path);
    return undefined;
  } catch (error) {
    return `${JSON.stringify(path)} ${prefix}: ${describeError(error, path)}`;
  }
}

/**
 * Returns all values that a query finds.
 * @throws {Error} when the query is invalid, or the document is nested too deeply for `..`.
 */
export function valuesAt(document: unknown, path: string): unknown[] {
  const found = library().query(omittedPrefix(path) + path, document as JsonP3.JSONValue);
  return found.values();
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Returns a number itself, the length of a string, or the number of elements. */
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
 * Checks that at least one value at the path is as expected.
 * @returns the problem; undefined when there is none.
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
