/** Type constraints of variables: `string`, `list(map(number))`, `object({ x = optional(bool) })`. */
import { parseExpressionText } from "../hcl/parse.js";
import type { Expression } from "../hcl/syntax.js";
import type { Value } from "../model.js";
import { PackerFault } from "../problems.js";

/** Type constraint. */
export type Type =
  | { readonly kind: "any" | "string" | "number" | "bool" }
  | { readonly kind: "list" | "set" | "map"; readonly element: Type }
  | { readonly kind: "tuple"; readonly items: readonly Type[] }
  | { readonly kind: "object"; readonly attributes: ReadonlyMap<string, ObjectAttribute> };

/** Attribute of an object type. */
export interface ObjectAttribute {
  readonly type: Type;
  readonly optional: boolean;
  /** Expression of the default, evaluated by `parseType`. */
  readonly default: Value | undefined;
}

/** Evaluates the default of an optional attribute. */
type EvaluateDefault = (expression: Expression) => Value;

const PRIMITIVES = ["any", "string", "number", "bool"] as const;
const COLLECTIONS = ["list", "set", "map"] as const;

/**
 * Reads a type constraint from its expression. Throws a PackerFault for what is none.
 */
export function parseType(expression: Expression, evaluate: EvaluateDefault): Type {
  switch (expression.kind) {
    case "variable":
      return namedType(expression, expression.name);
    case "call":
      return constructedType(expression, evaluate);
    case "parentheses":
      return parseType(expression.inner, evaluate);
    case "literal":
      // JSON, and the quoted types of older templates.
      if (typeof expression.value === "string") {
        const inner = parseExpressionText(expression.span.file.name, expression.value);
        return relocate(expression, () => parseType(inner, evaluate));
      }
      break;
    case "template": {
      const [part] = expression.parts;
      if (expression.parts.length === 1 && part?.kind === "interpolation") {
        return parseType(part.expression, evaluate);
      }
      break;
    }
    default:
  }
  throw unknownType(expression);
}

/** Gives faults the place of an expression, where they come from a text of its own. */
function relocate(expression: Expression, work: () => Type): Type {
  try {
    return work();
  } catch (error) {
    if (error instanceof PackerFault) throw new PackerFault(error.message, expression.span);
    throw error;
  }
}

function namedType(expression: Expression, name: string): Type {
  const primitive = PRIMITIVES.find((one) => one === name);
  if (primitive !== undefined) return { kind: primitive };
  const collection = COLLECTIONS.find((one) => one === name);
  // "list" and "map" without an element type are an older spelling.
  if (collection !== undefined) return { kind: collection, element: { kind: "any" } };
  throw unknownType(expression);
}

function unknownType({ span }: Expression): PackerFault {
  return new PackerFault(
    "This is not a type. Types are string, number, bool, any, list(…), set(…), map(…), tuple([…]) and object({…}).",
    span,
  );
}

type Call = Extract<Expression, { kind: "call" }>;

function constructedType(call: Call, evaluate: EvaluateDefault): Type {
  const collection = COLLECTIONS.find((one) => one === call.name);
  const [argument, ...more] = call.arguments;
  if (argument === undefined || more.length > 0 || call.expand) {
    if (collection !== undefined || call.name === "tuple" || call.name === "object") {
      throw new PackerFault(`The type ${call.name}(…) takes one argument.`, call.span);
    }
    throw unknownType(call);
  }
  if (collection !== undefined) return { kind: collection, element: parseType(argument, evaluate) };
  if (call.name === "tuple" && argument.kind === "tuple") {
    return { kind: "tuple", items: argument.items.map((item) => parseType(item, evaluate)) };
  }
  if (call.name === "object" && argument.kind === "object") {
    const attributes = argument.items.map(({ key, value }): [string, ObjectAttribute] => {
      if (key.kind !== "literal") {
        throw new PackerFault("Expected the name of an attribute.", key.span);
      }
      return [String(key.value), attributeType(value, evaluate)];
    });
    return { kind: "object", attributes: new Map(attributes) };
  }
  throw unknownType(call);
}

function attributeType(expression: Expression, evaluate: EvaluateDefault): ObjectAttribute {
  if (expression.kind !== "call" || expression.name !== "optional") {
    return { type: parseType(expression, evaluate), optional: false, default: undefined };
  }
  const [type, value, ...more] = expression.arguments;
  if (type === undefined || more.length > 0) {
    throw new PackerFault("optional(…) takes a type and, if wanted, a default.", expression.span);
  }
  return {
    type: parseType(type, evaluate),
    optional: true,
    default: value === undefined ? undefined : evaluate(value),
  };
}
