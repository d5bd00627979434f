/** Values of HCL: sets, texts of numbers, order and equality. */
import type { Value, ValueMap } from "../model.js";

/** Set: sorted and without repetitions. Otherwise, an array like a list. */
export class ValueSet extends Array<Value> {
  /** Methods such as `map` return plain arrays, whose values may repeat. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** Makes a set of values. */
export function setOf(values: readonly Value[]): ValueSet {
  const set = new ValueSet();
  for (const value of distinct(values).toSorted(compareValues)) set.push(value);
  return set;
}

/** Returns the values without repetitions, in their order. */
export function distinct(values: readonly Value[]): Value[] {
  const seen = new Set<string>();
  return values.filter((value) => {
    const key = keyOf(value);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Makes an object or a map; its keys are sorted, as in HCL. */
export function mapOf(entries: Iterable<readonly [string, Value]>): ValueMap {
  return new Map([...new Map(entries)].toSorted(([a], [b]) => compareTexts(a, b)));
}

/** Tells if a value is a list, a tuple or a set. */
export function isList(value: Value): value is readonly Value[] {
  return Array.isArray(value);
}

/** Tells if a value is an object or a map. */
export function isMap(value: Value): value is ValueMap {
  return value instanceof Map;
}

/** Compares texts by their code points, as Go does. */
export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  // UTF-16 order differs from the order of code points for surrogates only.
  const from = Array.from(a);
  const to = Array.from(b);
  for (let index = 0; index < from.length && index < to.length; index += 1) {
    const difference = (from[index]?.codePointAt(0) ?? 0) - (to[index]?.codePointAt(0) ?? 0);
    if (difference !== 0) return difference;
  }
  return from.length - to.length;
}

function compareValues(a: Value, b: Value): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  if (typeof a === "string" && typeof b === "string") return compareTexts(a, b);
  return compareTexts(keyOf(a), keyOf(b));
}

/** Returns a text that is equal for equal values only. */
function keyOf(value: Value): string {
  if (isList(value)) return `[${value.map(keyOf).join(",")}]`;
  if (isMap(value)) {
    return `{${[...value].map(([key, one]) => `${JSON.stringify(key)}:${keyOf(one)}`).join(",")}}`;
  }
  return JSON.stringify(value);
}

/** Tells if two values are equal. Values of different types are not: `"1"` and `1` differ. */
export function equalValues(a: Value, b: Value): boolean {
  return keyOf(a) === keyOf(b);
}

/** Text of a number as HCL writes it: decimal digits without an exponent. */
export function numberText(value: number): string {
  const text = String(value);
  if (!/e/i.test(text)) return text;
  if (Number.isInteger(value)) return BigInt(value).toString();
  // The shortest digits, with the zeros that an exponent stands for.
  const [, sign = "", whole = "", fraction = "", exponent = "0"] =
    /^(-?)(\d+)(?:\.(\d+))?e-(\d+)$/i.exec(text) ?? [];
  return `${sign}0.${"0".repeat(Number(exponent) - 1)}${whole}${fraction}`;
}

/** Number from a text such as `1`, `-2.5` or `1e3`; undefined if it is none. */
export function parseNumber(text: string): number | undefined {
  return /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(text) ? Number(text) : undefined;
}

/**
 * Rounds a result of arithmetic to 15 digits where that leaves much fewer: 0.1 + 0.2 is 0.3, as with
 * Packer's longer numbers, and 1 / 3 stays as it is.
 */
export function roundNumber(value: number): number {
  if (Number.isInteger(value) || !Number.isFinite(value)) return value;
  const rounded = Number(value.toPrecision(15));
  return String(rounded).length + 5 < String(value).length ? rounded : value;
}

/** Names the type of a value for messages. */
export function typeName(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "string" || typeof value === "number") return typeof value;
  if (typeof value === "boolean") return "bool";
  if (value instanceof ValueSet) return "set";
  return isList(value) ? "list" : "object";
}
