/** `--set machine.memory=8G`: values that replace the template's own. */
import { VmbuildError } from "../errors.js";
import { formatPath } from "./document.js";
import type { JsonPath } from "./document.js";

/** One value in place of the template's. */
export interface Override {
  readonly path: JsonPath;
  readonly value: unknown;
  /** For messages: `--set machine.memory`, `--accel`. */
  readonly source: string;
}

/** A value as JSON when it is JSON, as plain text otherwise: `8G`, `true`, `["a"]`. */
function parseValue(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    // Not JSON: the text itself is the value.
    return text;
  }
}

/**
 * Parses `PATH=VALUE`; the path's parts are separated by dots, indexes are numbers.
 * @throws {VmbuildError} USAGE when there is no `=` or a part is empty.
 */
export function parseOverride(text: string): Override {
  const at = text.indexOf("=");
  const parts = text.slice(0, at).split(".");
  if (at < 1 || parts.includes("")) {
    throw new VmbuildError("USAGE", `--set ${text}: write PATH=VALUE, such as machine.memory=8G`);
  }
  const path = parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  return { path, value: parseValue(text.slice(at + 1)), source: `--set ${formatPath(path)}` };
}

/**
 * Sets a value inside a copy of the document; objects on the way are made.
 * @throws {VmbuildError} USAGE when the way leads through a plain value, or past a list's end.
 */
export function applyOverride(document: unknown, { path, value, source }: Override): unknown {
  const set = (at: unknown, [key, ...rest]: JsonPath, done: JsonPath): unknown => {
    if (key === undefined) return value;
    const here = [...done, key];
    if (Array.isArray(at)) {
      if (typeof key === "number" && key < at.length) {
        return at.map((item: unknown, index) => (index === key ? set(item, rest, here) : item));
      }
      throw noPlace(source, `${formatPath(done)} is a list of ${at.length}, counted from 0`);
    }
    if (at !== undefined && (typeof at !== "object" || at === null)) {
      throw noPlace(source, `${formatPath(done)} is a plain value`);
    }
    const object = (at ?? {}) as Record<string, unknown>;
    const child = Object.hasOwn(object, key) ? object[key] : undefined;
    return { ...object, [key]: set(child, rest, here) };
  };
  return set(document, path, []);
}

function noPlace(source: string, reason: string): VmbuildError {
  return new VmbuildError("USAGE", `${source}: there is no such place: ${reason}`);
}

/** The override that a place's value came from, if any: the deepest one at or above it. */
export function overrideAt(overrides: readonly Override[], path: JsonPath): Override | undefined {
  return overrides.findLast((override) =>
    override.path.every((part, index) => String(path[index]) === String(part)),
  );
}
