/**
 * Values with the place of each in its file. Templates are merged in this form, so that a problem
 * names the file and line in which a value stands.
 */
import type { JsonPath, TemplateDocument } from "./document.js";

/** File of which a template consists: its own, or that of a parent. */
export interface TemplateFile {
  /** Absolute. */
  readonly path: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
  readonly document: TemplateDocument;
}

/** Place of a value in a file. */
export interface Place {
  readonly file: TemplateFile;
  readonly path: JsonPath;
}

/** Problem of a merge, with its place. */
export interface MergeProblem {
  readonly place: Place;
  readonly message: string;
}

/** Object with the places of its values. */
export interface PlacedObject {
  readonly kind: "object";
  readonly place: Place;
  readonly entries: ReadonlyMap<string, PlacedValue>;
}

/** List with the places of its items. */
export interface PlacedList {
  readonly kind: "list";
  readonly place: Place;
  readonly items: readonly PlacedValue[];
}

/** Value with its place. */
export type PlacedValue =
  | PlacedObject
  | PlacedList
  | { readonly kind: "plain"; readonly place: Place; readonly value: unknown };

/** Adds the places to a value of a file. */
export function placed(value: unknown, place: Place): PlacedValue {
  const inside = (key: string | number): Place => ({ ...place, path: [...place.path, key] });
  if (Array.isArray(value)) {
    const items = value.map((item: unknown, index) => placed(item, inside(index)));
    return { kind: "list", place, items };
  }
  if (typeof value !== "object" || value === null) return { kind: "plain", place, value };
  const entries = Object.entries(value).map(([key, item]: [string, unknown]) => {
    const entry: [string, PlacedValue] = [key, placed(item, inside(key))];
    return entry;
  });
  return { kind: "object", place, entries: new Map(entries) };
}

/** Returns the value without its places. */
export function plainOf(value: PlacedValue): unknown {
  if (value.kind === "plain") return value.value;
  if (value.kind === "list") return value.items.map(plainOf);
  return Object.fromEntries([...value.entries].map(([key, item]) => [key, plainOf(item)]));
}

/** Returns whether the value is `null`, which removes a value of a parent. */
export function isNull(value: PlacedValue): boolean {
  return value.kind === "plain" && value.value === null;
}

/** Returns the text of an entry; undefined where it is not a text. */
export function textAt(value: PlacedValue, key: string): string | undefined {
  const found = value.kind === "object" ? value.entries.get(key) : undefined;
  return found?.kind === "plain" && typeof found.value === "string" ? found.value : undefined;
}

/**
 * Returns the place of a path: that of the deepest value on it, continued by the keys that do not
 * exist.
 */
export function placeAt(root: PlacedValue, path: JsonPath): Place {
  let at = root;
  for (const [index, key] of path.entries()) {
    const next =
      at.kind === "object"
        ? at.entries.get(String(key))
        : at.kind === "list"
          ? at.items[Number(key)]
          : undefined;
    if (next === undefined) {
      const { file, path: found } = at.place;
      return { file, path: [...found, ...path.slice(index)] };
    }
    at = next;
  }
  return at.place;
}
