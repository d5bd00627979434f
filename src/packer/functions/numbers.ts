/** Functions of numbers. */
import { convertToNumber } from "../eval/convert.js";
import { roundNumber } from "../eval/values.js";
import type { Value } from "../model.js";
import { requireList } from "./collections.js";
import { FunctionError, number, some, text, textOf } from "./function.js";
import type { FunctionTable, FunctionType } from "./function.js";

function numberFunction(
  names: readonly string[],
  call: (a: number, b: number) => number,
): FunctionType {
  return {
    parameters: names.map(number),
    call: ([a, b]) => {
      const result = roundNumber(call(Number(a), Number(b)));
      if (Number.isNaN(result)) throw new FunctionError("the result is not a number");
      return result || 0;
    },
  };
}

function parseInteger(digits: string, base: number): Value {
  if (!Number.isInteger(base) || base < 2 || base > 62) {
    throw new FunctionError("the base must be from 2 to 62");
  }
  const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const [, sign = "", body = ""] = /^([+-]?)(.+)$/.exec(digits) ?? [];
  const letters = Array.from(base <= 36 ? body.toLowerCase() : body).map((one) =>
    alphabet.indexOf(one),
  );
  if (letters.length === 0 || letters.some((value) => value < 0 || value >= base)) {
    throw new FunctionError(`"${digits}" is not a whole number of base ${base}`);
  }
  const value = letters.reduce((sum, digit) => sum * base + digit, 0);
  return sign === "-" ? -value : value;
}

function numbersOf(values: readonly Value[]): number[] {
  return values.map(convertToNumber);
}

/** Functions of numbers by their names in Packer. */
export const NUMBER_FUNCTIONS: FunctionTable = {
  abs: numberFunction(["number"], Math.abs),
  ceil: numberFunction(["number"], Math.ceil),
  floor: numberFunction(["number"], Math.floor),
  log: numberFunction(["number", "base"], (value, base) => Math.log(value) / Math.log(base)),
  max: {
    parameters: [number("number")],
    rest: number("numbers"),
    call: (values) => Math.max(...numbersOf(values)),
  },
  min: {
    parameters: [number("number")],
    rest: number("numbers"),
    call: (values) => Math.min(...numbersOf(values)),
  },
  parseint: {
    parameters: [text("digits"), number("base")],
    call: ([digits, base]) => parseInteger(textOf(digits), Number(base)),
  },
  pow: numberFunction(["number", "power"], (value, power) => value ** power),
  signum: numberFunction(["number"], Math.sign),
  sum: {
    parameters: [some("list")],
    call: ([list]) => {
      const numbers = numbersOf(requireList(list));
      if (numbers.length === 0) throw new FunctionError("the list is empty");
      return roundNumber(numbers.reduce((total, one) => total + one, 0));
    },
  },
};
