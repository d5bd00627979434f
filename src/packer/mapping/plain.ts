/** Plain forms of the values of a Packer template. */
import type { Value, ValueMap } from "../model.js";

/** Value as JSON has it. */
export type Plain = string | number | boolean | null | Plain[] | { [key: string]: Plain };

/** Object of plain values. */
export type PlainObject = { [key: string]: Plain };

const isMap = (value: ValueMap | readonly Value[]): value is ValueMap => value instanceof Map;

/** Converts an evaluated value. */
export function plainOf(value: Value): Plain {
  if (typeof value !== "object" || value === null) return value;
  if (isMap(value)) {
    return Object.fromEntries([...value].map(([key, item]) => [key, plainOf(item)]));
  }
  return value.map(plainOf);
}

/** Returns whether a value is an object and not a list. */
export function isPlainObject(value: Plain | undefined): value is PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Converts a scalar to text, as Packer does where an option is a string. */
export function textOf(value: Plain | undefined): string | undefined {
  if (value === undefined || value === null || typeof value === "object") return undefined;
  return String(value);
}

/** Returns a value as a text for messages and comparisons. */
export function shownValue(value: Plain): string {
  return textOf(value) ?? JSON.stringify(value);
}

/** Converts a value to a number, as Packer does; undefined if it is none. */
export function numberOf(value: Plain | undefined): number | undefined {
  const text = textOf(value)?.trim();
  if (text === undefined || text === "") return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Converts a value to a boolean, as Packer does. */
export function booleanOf(value: Plain | undefined): boolean {
  const text = textOf(value)?.trim().toLowerCase();
  return text === "true" || text === "1" || text === "t";
}

/** Converts a value to a list: a scalar is its only item, as in Packer. */
export function listOf(value: Plain | undefined): Plain[] {
  if (value === undefined || value === null || value === "") return [];
  return Array.isArray(value) ? value : [value];
}
