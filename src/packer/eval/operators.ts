/** Operators of HCL expressions. */
import type { BinaryOperator } from "../hcl/syntax.js";
import type { Value } from "../model.js";
import { ConversionError, convertToBool, convertToNumber } from "./convert.js";
import { equalValues, roundNumber } from "./values.js";

const ARITHMETIC: Partial<Record<BinaryOperator, (a: number, b: number) => Value>> = {
  "+": (a, b) => a + b,
  "-": (a, b) => a - b,
  "*": (a, b) => a * b,
  "/": (a, b) => a / b,
  "%": (a, b) => a % b,
  "<": (a, b) => a < b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  ">=": (a, b) => a >= b,
};

/**
 * Applies a binary operator. The right operand of `&&` and `||` is evaluated only where it decides.
 * Throws a ConversionError for operands of the wrong type.
 */
export function applyBinary(operator: BinaryOperator, left: Value, right: () => Value): Value {
  if (operator === "&&") return requireBool(left) && requireBool(right());
  if (operator === "||") return requireBool(left) || requireBool(right());
  if (operator === "==") return equalValues(left, right());
  if (operator === "!=") return !equalValues(left, right());
  const a = requireNumber(left);
  const b = requireNumber(right());
  if ((operator === "/" || operator === "%") && b === 0) {
    throw new ConversionError("a number cannot be divided by zero");
  }
  const result = ARITHMETIC[operator]?.(a, b) ?? null;
  return typeof result === "number" ? roundNumber(result) : result;
}

/** Applies `-` or `!`. Throws a ConversionError for an operand of the wrong type. */
export function applyUnary(operator: "-" | "!", operand: Value): Value {
  return operator === "!" ? !requireBool(operand) : -requireNumber(operand) || 0;
}

function requireBool(value: Value): boolean {
  if (value === null) throw new ConversionError("true or false is required, not null");
  return convertToBool(value);
}

function requireNumber(value: Value): number {
  if (value === null) throw new ConversionError("a number is required, not null");
  return convertToNumber(value);
}
