/** Functions of sets. */
import { setOf } from "../eval/values.js";
import type { Value } from "../model.js";
import { requireList } from "./collections.js";
import { some } from "./function.js";
import type { FunctionTable } from "./function.js";
import { FunctionError } from "./function.js";
import { equalValues } from "../eval/values.js";

/** Largest product of sets. */
const MAX_PRODUCT = 100_000;

function product(lists: readonly (readonly Value[])[]): Value[][] {
  const size = lists.reduce((count, list) => count * list.length, 1);
  if (size > MAX_PRODUCT) throw new FunctionError(`more than ${MAX_PRODUCT} combinations`);
  return lists.reduce<Value[][]>(
    (rows, list) => rows.flatMap((row) => list.map((value) => [...row, value])),
    [[]],
  );
}

/** Functions of sets by their names in Packer. */
export const SET_FUNCTIONS: FunctionTable = {
  setintersection: {
    parameters: [some("set")],
    rest: some("sets"),
    call: ([first, ...others]) =>
      setOf(
        requireList(first).filter((value) =>
          others.every((other) => requireList(other).some((one) => equalValues(one, value))),
        ),
      ),
  },
  setproduct: {
    parameters: [some("first"), some("second")],
    rest: some("sets"),
    call: (lists) => product(lists.map(requireList)),
  },
  setunion: {
    parameters: [some("set")],
    rest: some("sets"),
    call: (lists) => setOf(lists.flatMap((list) => [...requireList(list)])),
  },
};
