/** Conversion of values to types, as HCL converts them. */
import type { Value } from "../model.js";
import type { Type } from "./types.js";
import { isList, isMap, mapOf, numberText, parseNumber, setOf, typeName } from "./values.js";

/** Thrown for a value that cannot be converted. The message begins with a small letter. */
export class ConversionError extends Error {
  override readonly name = "ConversionError";
}

/** Converts a value to a type. null stays null. Throws a ConversionError. */
export function convert(value: Value, type: Type): Value {
  if (value === null || type.kind === "any") return value;
  switch (type.kind) {
    case "string":
      return convertToString(value);
    case "number":
      return convertToNumber(value);
    case "bool":
      return convertToBool(value);
    case "list":
      return listItems(value, type);
    case "set":
      return setOf(listItems(value, type));
    case "map":
      return convertToMap(value, type);
    case "tuple":
      return convertToTuple(value, type);
    case "object":
      return convertToObject(value, type);
  }
}

/** Converts to a string: numbers and booleans are written out. */
export function convertToString(value: Value): string {
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(value);
  if (typeof value === "boolean") return String(value);
  throw new ConversionError(`a string is required, not ${article(value)}`);
}

/** Text of a value for names: a primitive value as a string, an empty text for anything else. */
export function nameText(value: Value | undefined): string {
  return value === undefined || value === null || typeof value === "object"
    ? ""
    : convertToString(value);
}

/** Converts to a number: texts such as "10" are read. */
export function convertToNumber(value: Value): number {
  if (typeof value === "number") return value;
  const number = typeof value === "string" ? parseNumber(value) : undefined;
  if (number !== undefined) return number;
  throw new ConversionError(`a number is required, not ${article(value)}`);
}

/** Converts to a boolean: "true", "false", "1" and "0" are read. */
export function convertToBool(value: Value): boolean {
  if (typeof value === "boolean") return value;
  if (value === "true" || value === "1") return true;
  if (value === "false" || value === "0") return false;
  throw new ConversionError(`true or false is required, not ${article(value)}`);
}

function article(value: Value): string {
  if (value === null) return "null";
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 60))}`;
  const name = typeName(value);
  return `${name === "object" ? "an" : "a"} ${name}`;
}

type ElementType = Extract<Type, { element: Type }>;

function listItems(value: Value, { kind, element }: ElementType): Value[] {
  if (!isList(value)) throw new ConversionError(`a ${kind} is required, not ${article(value)}`);
  const items = value.map((item, index) =>
    within(`element ${index}`, () => convert(item, element)),
  );
  return element.kind === "any" ? unify(items) : items;
}

function convertToMap(value: Value, { element }: ElementType): Value {
  if (!isMap(value)) throw new ConversionError(`a map is required, not ${article(value)}`);
  const names = [...value.keys()];
  const items = [...value].map(([name, item]) =>
    within(`element "${name}"`, () => convert(item, element)),
  );
  const values = element.kind === "any" ? unify(items) : items;
  return mapOf(names.map((name, index) => [name, values[index] ?? null]));
}

function convertToTuple(value: Value, { items }: Extract<Type, { kind: "tuple" }>): Value {
  if (!isList(value) || value.length !== items.length) {
    throw new ConversionError(`a tuple of ${items.length} elements is required`);
  }
  return items.map((type, index) =>
    within(`element ${index}`, () => convert(value[index] ?? null, type)),
  );
}

function convertToObject(value: Value, { attributes }: Extract<Type, { kind: "object" }>): Value {
  if (!isMap(value)) throw new ConversionError(`an object is required, not ${article(value)}`);
  const missing = [...attributes].filter(([name, one]) => !value.has(name) && !one.optional);
  if (missing.length > 0) {
    const names = missing.map(([name]) => `"${name}"`).join(", ");
    const plural = missing.length > 1;
    throw new ConversionError(
      `the attribute${plural ? "s" : ""} ${names} ${plural ? "are" : "is"} required`,
    );
  }
  return mapOf(
    [...attributes].map(([name, { type, default: fallback }]): [string, Value] => {
      const given = value.get(name) ?? fallback ?? null;
      return [name, within(`attribute "${name}"`, () => convert(given, type))];
    }),
  );
}

/** Adds the place inside a value to the message of an error. */
function within(place: string, work: () => Value): Value {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new ConversionError(`${place}: ${error.message}`);
  }
}

/** Gives values one type where strings and other primitive values are mixed. */
function unify(values: readonly Value[]): Value[] {
  const mixed = new Set(values.filter((value) => value !== null).map((value) => typeof value));
  if (mixed.size < 2 || !mixed.has("string") || mixed.has("object")) return [...values];
  return values.map((value) => (value === null ? value : convertToString(value)));
}
