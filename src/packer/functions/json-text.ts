/** Values to and from JSON, as Go writes and reads it. */
import { isList, isMap, mapOf, numberText } from "../eval/values.js";
import type { Value } from "../model.js";

/** Writes JSON without spaces; `<`, `>`, `&` and line separators are escaped, as Go does. */
export function jsonText(value: Value): string {
  if (isList(value)) return `[${value.map(jsonText).join(",")}]`;
  if (isMap(value)) {
    return `{${[...value].map(([key, one]) => `${jsonText(key)}:${jsonText(one)}`).join(",")}}`;
  }
  if (typeof value === "number") return numberText(value);
  return JSON.stringify(value).replaceAll(/[<>&\u2028\u2029]/g, escapeCharacter);
}

function escapeCharacter(character: string): string {
  return `\\u${(character.codePointAt(0) ?? 0).toString(16).padStart(4, "0")}`;
}

/** Converts what a parser of JSON or YAML returns. Anything that is no value becomes its text. */
export function valueOf(data: unknown): Value {
  if (data === null || data === undefined) return null;
  if (typeof data === "string" || typeof data === "number" || typeof data === "boolean")
    return data;
  if (typeof data === "bigint") return Number(data);
  if (Array.isArray(data)) return data.map(valueOf);
  if (data instanceof Map) {
    return mapOf([...data].map(([key, one]) => [String(key), valueOf(one)] as const));
  }
  if (typeof data === "object") {
    return mapOf(Object.entries(data).map(([key, one]) => [key, valueOf(one)] as const));
  }
  return null;
}
