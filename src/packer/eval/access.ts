/** Access to parts of values: attributes, elements and their ranges. */
import type { Span } from "../hcl/syntax.js";
import type { Value } from "../model.js";
import { PackerFault } from "../problems.js";
import { closest } from "./scope.js";
import { ValueSet, isList, isMap, numberText, parseNumber, typeName } from "./values.js";

/** Returns an attribute of an object, or an element of a map. Throws a PackerFault. */
export function getAttribute(object: Value, name: string, span: Span): Value {
  if (object === null) throw new PackerFault(`null has no attribute "${name}".`, span);
  if (!isMap(object)) {
    throw new PackerFault(
      `A ${typeName(object)} has no attributes, so not "${name}" either.`,
      span,
    );
  }
  const value = object.get(name);
  if (value !== undefined) return value;
  const similar = closest(name, [...object.keys()]);
  const hint = similar === undefined ? "" : ` Did you mean "${similar}"?`;
  throw new PackerFault(`This object has no attribute "${name}".${hint}`, span);
}

/** Returns an element by its index or key. Throws a PackerFault. */
export function getElement(collection: Value, key: Value, span: Span): Value {
  if (collection === null) throw new PackerFault("null has no elements.", span);
  if (key === null) throw new PackerFault("null is not an index.", span);
  if (isMap(collection)) {
    if (typeof key === "object") throw new PackerFault("The key of a map is a text.", span);
    return getAttribute(collection, typeof key === "number" ? numberText(key) : String(key), span);
  }
  if (collection instanceof ValueSet) {
    throw new PackerFault("A set has no order, so no element by index. Use tolist(…) first.", span);
  }
  if (!isList(collection)) {
    throw new PackerFault(`A ${typeName(collection)} has no elements.`, span);
  }
  const index = typeof key === "string" ? parseNumber(key) : key;
  if (typeof index !== "number" || !Number.isInteger(index)) {
    throw new PackerFault("The index of a list is a whole number.", span);
  }
  const value = collection[index];
  if (value !== undefined) return value;
  throw new PackerFault(
    `The list has ${collection.length} elements, and no element ${index}.`,
    span,
  );
}

/** Returns the keys and values over which `for` goes: indexes of a list, values of a set. */
export function entriesOf(collection: Value, span: Span): [key: Value, value: Value][] {
  if (isMap(collection)) return [...collection];
  if (collection instanceof ValueSet) return [...collection].map((value) => [value, value]);
  if (isList(collection)) return collection.map((value, index) => [index, value]);
  throw new PackerFault(
    `Only lists, sets, maps and objects have elements; this is ${collection === null ? "null" : `a ${typeName(collection)}`}.`,
    span,
  );
}
