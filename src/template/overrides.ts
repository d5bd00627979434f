/** Parses and applies overrides of template values: `--set machine.memory=8G`. */
import { VmbuildError } from "../errors.js";
import { formatPath, valueAt } from "./document.js";
import type { JsonPath } from "./document.js";

/** Value that replaces one of the template. */
export interface Override {
  readonly path: JsonPath;
  readonly value: unknown;
  /** Computes the value, in place of `value`. */
  readonly derived?: {
    /** Returns the value from the one that it replaces; undefined where that is not possible. */
    from(current: unknown): unknown;
    /** Reason why it is not possible, after the path: `names no Debian release`. */
    readonly problem: string;
    readonly hint: string;
  };
  /** Original text, if it may be meant instead of the value: `1.10` is a number, and a version. */
  readonly text?: string;
  /** Option for messages: `--set machine.memory`, `--accel`. */
  readonly source: string;
}

/** Parses a value as JSON if possible, and otherwise as plain text: `8G`, `true`, `["a"]`. */
function parseValue(text: string): Pick<Override, "value" | "text"> {
  try {
    const value = JSON.parse(text) as unknown;
    const isPlain = typeof value !== "string" && (typeof value !== "object" || value === null);
    return isPlain ? { value, text } : { value };
  } catch {
    // The text is not JSON, so it is the value itself.
    return { value: text };
  }
}

/** Matches a key up to the next separator, or an index or quoted key in brackets. */
const KEY = /([^.[\]=]+)|\[(?:(\d+)|"([^"]+)"|'([^']+)')\]/y;

/** Parses the keys before the `=`; undefined when there is no valid path. */
function parsePath(text: string): { path: (string | number)[]; rest: string } | undefined {
  const path: (string | number)[] = [];
  for (let at = 0; ;) {
    // A dot must be followed by a key, and a bracket must follow another key.
    const wantsKey = text[at] !== "[";
    if (path.length === 0 ? !wantsKey : wantsKey && text[at] !== ".") return undefined;
    KEY.lastIndex = path.length > 0 && wantsKey ? at + 1 : at;
    const [whole = "", key, index, ...quoted] = KEY.exec(text) ?? [];
    if (whole === "" || (key === undefined) === wantsKey) return undefined;
    const digits = index ?? (/^\d+$/.test(key ?? "") ? key : undefined);
    path.push(digits === undefined ? (key ?? quoted.find(Boolean) ?? "") : Number(digits));
    at = KEY.lastIndex;
    if (text[at] === "=") return { path, rest: text.slice(at + 1) };
  }
}

/**
 * Parses `PATH=VALUE`. Keys are separated by dots. An index is `steps.0` or `steps[0]`, and a key
 * with a dot in it is `inputs["a.b"]`.
 * @throws {VmbuildError} USAGE when it has another form.
 */
export function parseOverride(text: string): Override {
  const parsed = parsePath(text);
  if (!parsed) {
    throw new VmbuildError("USAGE", `--set ${text}: use PATH=VALUE, such as machine.memory=8G`, {
      hint: "Items of a list are addressed as steps[0].timeout or steps.0.timeout.",
    });
  }
  const { path, rest } = parsed;
  return { path, ...parseValue(rest), source: `--set ${formatPath(path)}` };
}

/**
 * Sets a value in a copy of the document and creates missing objects.
 * @throws {VmbuildError} USAGE when the path leads through a plain value, or past the end of a
 *   list.
 */
export function applyOverride(document: unknown, { path, value, source }: Override): unknown {
  const set = (at: unknown, [key, ...rest]: JsonPath, done: JsonPath): unknown => {
    if (key === undefined) return value;
    const here = [...done, key];
    if (Array.isArray(at)) {
      if (typeof key === "number" && key < at.length) {
        return at.map((item: unknown, index) => (index === key ? set(item, rest, here) : item));
      }
      throw noPlace(source, `${formatPath(done)} has ${at.length} items, counted from 0`);
    }
    if (at !== undefined && (typeof at !== "object" || at === null)) {
      throw noPlace(source, `${formatPath(done)} is not an object`);
    }
    const object = (at ?? {}) as Record<string, unknown>;
    const child = Object.hasOwn(object, key) ? object[key] : undefined;
    return { ...object, [key]: set(child, rest, here) };
  };
  return set(document, path, []);
}

/**
 * Returns overrides with the values of those that are computed from the template. An override that
 * changes nothing is left out.
 * @param skipsImpossible leaves out also those whose value cannot be computed.
 * @throws {VmbuildError} USAGE when a value cannot be computed.
 */
export function settleOverrides(
  document: unknown,
  overrides: readonly Override[],
  skipsImpossible: boolean,
): Override[] {
  const settled: Override[] = [];
  for (const { derived, ...override } of overrides) {
    if (derived === undefined) {
      settled.push(override);
      continue;
    }
    const { path, source } = override;
    const current = valueAt(settled.reduce<unknown>(applyOverride, document), path);
    const value = derived.from(current);
    if (value === current || (value === undefined && skipsImpossible)) continue;
    if (value === undefined) {
      const place = `${formatPath(path)} ${derived.problem}`;
      const message = `${source}: ${place}: ${JSON.stringify(current) ?? "it is not set"}`;
      throw new VmbuildError("USAGE", message, { hint: derived.hint });
    }
    settled.push({ ...override, value });
  }
  return settled;
}

function noPlace(source: string, reason: string): VmbuildError {
  return new VmbuildError("USAGE", `${source}: the path does not exist: ${reason}`);
}

/** Returns the override that a value came from, if any: the deepest one at or above its path. */
export function overrideAt(overrides: readonly Override[], path: JsonPath): Override | undefined {
  return overrides.findLast((override) =>
    override.path.every((part, index) => String(path[index]) === String(part)),
  );
}
