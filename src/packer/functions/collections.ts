/** Functions of lists, maps and objects. */
import { convertToBool } from "../eval/convert.js";
import { ValueSet, distinct, equalValues, isList, isMap, mapOf } from "../eval/values.js";
import type { Value, ValueMap } from "../model.js";
import { FunctionError, any, number, some, text, textOf, texts } from "./function.js";
import type { FunctionTable } from "./function.js";
import { graphemes } from "./graphemes.js";

/** Returns a list, or throws a FunctionError. */
export function requireList(value: Value | undefined): readonly Value[] {
  if (value !== undefined && isList(value)) return value;
  throw new FunctionError("a list, tuple or set is required");
}

function requireMap(value: Value | undefined): ValueMap {
  if (value !== undefined && isMap(value)) return value;
  throw new FunctionError("a map or an object is required");
}

function length(value: Value | undefined): number {
  if (typeof value === "string") return graphemes(value).length;
  if (value !== undefined && isList(value)) return value.length;
  if (value !== undefined && isMap(value)) return value.size;
  throw new FunctionError("a text, list or map is required");
}

function flatten(value: Value): Value[] {
  return isList(value) ? value.flatMap(flatten) : [value];
}

function element(list: readonly Value[], index: number): Value {
  if (list.length === 0) throw new FunctionError("the list is empty");
  if (!Number.isInteger(index)) throw new FunctionError("the index is not a whole number");
  return list.at(index % list.length) ?? null;
}

function indexOf(list: readonly Value[], value: Value): number {
  const index = list.findIndex((one) => equalValues(one, value));
  if (index === -1) throw new FunctionError("the list does not contain the value");
  return index;
}

function lookup(map: ValueMap, key: string, fallback: Value | undefined): Value {
  const value = map.get(key) ?? fallback;
  if (value === undefined) throw new FunctionError(`the map has no key "${key}"`);
  return value;
}

function slice(list: readonly Value[], from: number, to: number): Value {
  if (from < 0 || to > list.length || from > to) {
    throw new FunctionError(
      `the list has ${list.length} elements, so ${from} to ${to} is no part of it`,
    );
  }
  return list.slice(from, to);
}

function chunks(list: readonly Value[], size: number): Value {
  if (!Number.isInteger(size) || size < 0)
    throw new FunctionError("the size is not a whole number");
  if (size === 0) return [[...list]];
  const count = Math.ceil(list.length / size);
  return Array.from({ length: count }, (_, index) => list.slice(index * size, (index + 1) * size));
}

function zip(keys: readonly Value[], values: readonly Value[]): Value {
  if (keys.length !== values.length) throw new FunctionError("the lists differ in length");
  return mapOf(keys.map((key, index) => [textOf(key), values[index] ?? null]));
}

/** Returns the first value that is neither null nor an empty text. */
function coalesce(values: readonly Value[]): Value {
  const found = values.find((value) => value !== null && value !== "");
  if (found === undefined) throw new FunctionError("all values are null or empty");
  return found;
}

function coalesceList(lists: readonly Value[]): Value {
  const found = lists.find((list) => list !== null && requireList(list).length > 0);
  if (found === undefined) throw new FunctionError("all lists are empty");
  return found;
}

function allTrue(list: readonly Value[]): boolean {
  return list.every((value) => value !== null && convertToBool(value));
}

function anyTrue(list: readonly Value[]): boolean {
  return list.some((value) => value !== null && convertToBool(value));
}

/** Longest list that `range` makes, as in HCL. */
const MAX_RANGE = 1024;

function range([first, second, step]: readonly Value[]): Value {
  const from = second === undefined ? 0 : Number(first);
  const to = Number(second ?? first);
  const by = step === undefined ? (to < from ? -1 : 1) : Number(step);
  if (by === 0) throw new FunctionError("the step must not be zero");
  if ((by > 0 && to < from) || (by < 0 && to > from)) {
    throw new FunctionError("the step leads away from the end");
  }
  const count = Math.ceil((to - from) / by);
  if (count > MAX_RANGE) throw new FunctionError(`more than ${MAX_RANGE} elements`);
  return Array.from({ length: count }, (_, index) => from + index * by);
}

/** Functions of collections by their names in Packer. */
export const COLLECTION_FUNCTIONS: FunctionTable = {
  alltrue: { parameters: [some("list")], call: ([list]) => allTrue(requireList(list)) },
  anytrue: { parameters: [some("list")], call: ([list]) => anyTrue(requireList(list)) },
  chunklist: {
    parameters: [some("list"), number("size")],
    opaque: true,
    call: ([list, size]) => chunks(requireList(list), Number(size)),
  },
  coalesce: { parameters: [], rest: any("values"), opaque: true, call: coalesce },
  coalescelist: { parameters: [], rest: any("lists"), opaque: true, call: coalesceList },
  compact: {
    parameters: [texts("list")],
    opaque: true,
    call: ([list]) => requireList(list).filter((item) => item !== null && item !== ""),
  },
  concat: {
    parameters: [],
    rest: some("lists"),
    opaque: true,
    call: (lists) => lists.flatMap((list) => [...requireList(list)]),
  },
  contains: {
    parameters: [some("list"), any("value")],
    call: ([list, value]) => requireList(list).some((one) => equalValues(one, value ?? null)),
  },
  distinct: { parameters: [some("list")], call: ([list]) => distinct(requireList(list)) },
  element: {
    parameters: [some("list"), number("index")],
    opaque: true,
    call: ([list, index]) => element(requireList(list), Number(index)),
  },
  flatten: {
    parameters: [some("list")],
    opaque: true,
    call: ([list]) => flatten([...requireList(list)]),
  },
  index: {
    parameters: [some("list"), any("value")],
    call: ([list, value]) => indexOf(requireList(list), value ?? null),
  },
  keys: { parameters: [some("map")], call: ([map]) => [...requireMap(map).keys()] },
  length: { parameters: [some("value")], call: ([value]) => length(value) },
  lookup: {
    parameters: [some("map"), text("key"), any("default")],
    optional: 1,
    opaque: true,
    call: ([map, key, fallback]) => lookup(requireMap(map), textOf(key), fallback),
  },
  merge: {
    parameters: [],
    rest: any("maps"),
    opaque: true,
    call: (maps) => mapOf(maps.flatMap((map) => (map === null ? [] : [...requireMap(map)]))),
  },
  range: { parameters: [number("limit")], rest: number("limits"), call: range },
  reverse: {
    parameters: [some("list")],
    opaque: true,
    call: ([list]) => {
      if (list instanceof ValueSet) throw new FunctionError("a set has no order");
      return requireList(list).toReversed();
    },
  },
  slice: {
    parameters: [some("list"), number("from"), number("to")],
    opaque: true,
    call: ([list, from, to]) => slice(requireList(list), Number(from), Number(to)),
  },
  values: {
    parameters: [some("map")],
    opaque: true,
    call: ([map]) => [...requireMap(map).values()],
  },
  zipmap: {
    parameters: [texts("keys"), some("values")],
    opaque: true,
    call: ([keys, values]) => zip(requireList(keys), requireList(values)),
  },
};
