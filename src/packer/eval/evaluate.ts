/** Evaluates expressions of HCL. */
import type { Expression, ForExpression, Span, TemplatePart } from "../hcl/syntax.js";
import type { Value } from "../model.js";
import { KnownFault, PackerFault } from "../problems.js";
import { entriesOf, getAttribute, getElement } from "./access.js";
import { callFunction } from "./call.js";
import { ConversionError, convertToBool, convertToString } from "./convert.js";
import { applyBinary, applyUnary } from "./operators.js";
import { closest } from "./scope.js";
import type { Scope } from "./scope.js";
import { isList, isMap, mapOf } from "./values.js";

/** Name of the element in a splat expression, which no identifier can be. */
const ELEMENT = "[*]";

/** Evaluates an expression. Throws a PackerFault, or a KnownFault for what is reported elsewhere. */
export function evaluate(expression: Expression, scope: Scope): Value {
  switch (expression.kind) {
    case "literal":
      return expression.value;
    case "template":
      return evaluateTemplate(expression.parts, scope, expression.span);
    case "variable":
      return evaluateName(expression.name, scope, expression.span);
    case "attribute":
      return evaluateAttribute(expression, scope);
    case "index":
      return evaluateIndex(expression, scope);
    case "splat":
      return evaluateSplat(expression, scope);
    case "element":
      return scope.value(ELEMENT) ?? null;
    case "unary": {
      const { operator, operand } = expression;
      return located(expression.span, () => applyUnary(operator, evaluate(operand, scope)));
    }
    case "binary": {
      const { operator, left, right, span } = expression;
      const first = evaluate(left, scope);
      return located(span, () => applyBinary(operator, first, () => evaluate(right, scope)));
    }
    case "conditional":
      return evaluateConditional(expression, scope);
    case "call":
      return callFunction(expression, scope, evaluate);
    case "tuple":
      return expression.items.map((item) => evaluate(item, scope));
    case "object":
      return evaluateObject(expression, scope);
    case "parentheses":
      return evaluate(expression.inner, scope);
    case "for":
      return evaluateFor(expression, expression.span, scope);
  }
}

/** Gives errors of conversion a place. */
function located<Result>(span: Span, work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    throw new PackerFault(`This cannot be evaluated: ${error.message}.`, span);
  }
}

type Kind<Name extends Expression["kind"]> = Extract<Expression, { kind: Name }>;

function evaluateName(name: string, scope: Scope, span: Span): Value {
  const value = scope.value(name);
  if (value !== undefined) return value;
  const root = scope.root(name);
  if (root) return root.all(span);
  throw new PackerFault(`"${name}" is not defined here. ${nameHint(name, scope)}`, span);
}

function nameHint(name: string, scope: Scope): string {
  const similar = closest(name, scope.names);
  if (similar !== undefined) return `Did you mean ${similar}?`;
  if (scope.context.inTemplateFile) {
    return `Give it in the second argument of templatefile(…), or write "$\${" where a shell reads it.`;
  }
  return `A text is written in quotes, a variable as var.${name}, a local as local.${name}.`;
}

function evaluateAttribute({ object, name, span }: Kind<"attribute">, scope: Scope): Value {
  const root = object.kind === "variable" ? scope.root(object.name) : undefined;
  return root ? root.get(name, span) : getAttribute(evaluate(object, scope), name, span);
}

function evaluateIndex({ object, key, span }: Kind<"index">, scope: Scope): Value {
  const index = evaluate(key, scope);
  const root = object.kind === "variable" ? scope.root(object.name) : undefined;
  if (root && typeof index === "string") return root.get(index, span);
  return getElement(evaluate(object, scope), index, span);
}

function evaluateSplat({ object, each }: Kind<"splat">, scope: Scope): Value {
  const value = evaluate(object, scope);
  if (value === null) return [];
  const items = isList(value) ? value : [value];
  return items.map((item) => evaluate(each, scope.with([[ELEMENT, item]])));
}

function evaluateConditional(expression: Kind<"conditional">, scope: Scope): Value {
  const { condition, whenTrue, whenFalse, span } = expression;
  const value = evaluate(condition, scope);
  const isTrue = located(condition.span, () => {
    if (value === null) throw new ConversionError("the condition is null");
    return convertToBool(value);
  });
  const result = evaluate(isTrue ? whenTrue : whenFalse, scope);
  if (typeof result !== "number" && typeof result !== "boolean") return result;
  // Both results have one type in HCL: a number beside a text becomes a text.
  const other = evaluateQuietly(isTrue ? whenFalse : whenTrue, scope);
  return typeof other === "string" ? located(span, () => convertToString(result)) : result;
}

/** Evaluates what is not used: its faults do not count. */
function evaluateQuietly(expression: Expression, scope: Scope): Value {
  try {
    return evaluate(expression, scope);
  } catch (error) {
    if (error instanceof PackerFault || error instanceof KnownFault) return null;
    throw error;
  }
}

function keyText(key: Value, span: Span): string {
  return located(span, () => {
    if (key === null) throw new ConversionError("the key is null");
    return convertToString(key);
  });
}

function evaluateObject({ items }: Kind<"object">, scope: Scope): Value {
  return mapOf(
    items.map(({ key, value }) => [
      keyText(evaluate(key, scope), key.span),
      evaluate(value, scope),
    ]),
  );
}

function evaluateFor(expression: ForExpression, span: Span, scope: Scope): Value {
  const { collection, key, value, group } = expression;
  const list: Value[] = [];
  const groups = new Map<string, Value[]>();
  for (const inner of iterations(expression, scope, collection.span)) {
    if (expression.condition && !isIncluded(expression.condition, inner)) continue;
    const result = evaluate(value, inner);
    if (key === undefined) {
      list.push(result);
      continue;
    }
    const name = keyText(evaluate(key, inner), key.span);
    const earlier = groups.get(name);
    if (earlier && !group) {
      throw new PackerFault(
        `Two elements have the key "${name}". Write "..." after the value to collect them in lists.`,
        span,
      );
    }
    groups.set(name, [...(earlier ?? []), result]);
  }
  if (key === undefined) return list;
  return mapOf([...groups].map(([name, all]) => [name, group ? all : (all[0] ?? null)]));
}

function isIncluded(condition: Expression, scope: Scope): boolean {
  const value = evaluate(condition, scope);
  return located(condition.span, () => {
    if (value === null) throw new ConversionError("the condition is null");
    return convertToBool(value);
  });
}

/** Returns the scope of each iteration. */
function iterations(
  names: { keyName: string | undefined; valueName: string; collection: Expression },
  scope: Scope,
  span: Span,
): Scope[] {
  return entriesOf(evaluate(names.collection, scope), span).map(([key, value]) => {
    const bound: [string, Value][] = [[names.valueName, value]];
    if (names.keyName !== undefined) bound.unshift([names.keyName, key]);
    return scope.with(bound);
  });
}

/** A text that is one interpolation has the value of its expression; others are strings. */
function evaluateTemplate(parts: readonly TemplatePart[], scope: Scope, span: Span): Value {
  const [first] = parts;
  if (parts.length === 1 && first?.kind === "interpolation") {
    return evaluate(first.expression, scope);
  }
  return renderParts(parts, scope, span);
}

/** Renders a template to text. Throws a PackerFault for values that are not text. */
function renderParts(parts: readonly TemplatePart[], scope: Scope, span: Span): string {
  return parts.map((part) => renderPart(part, scope, span)).join("");
}

function renderPart(part: TemplatePart, scope: Scope, span: Span): string {
  switch (part.kind) {
    case "text":
      return part.text;
    case "interpolation":
      return interpolated(part.expression, scope);
    case "if":
      return isIncluded(part.condition, scope)
        ? renderParts(part.whenTrue, scope, span)
        : renderParts(part.whenFalse, scope, span);
    case "for":
      return iterations(part, scope, part.collection.span)
        .map((inner) => renderParts(part.body, inner, span))
        .join("");
  }
}

function interpolated(expression: Expression, scope: Scope): string {
  const value = evaluate(expression, scope);
  if (value === null) {
    throw new PackerFault("The value is null, which cannot be part of a text.", expression.span);
  }
  if (isList(value) || isMap(value)) {
    const kind = isList(value) ? "list" : "map";
    const advice = isList(value) ? "join(…) or jsonencode(…)" : "jsonencode(…)";
    throw new PackerFault(`A ${kind} cannot be part of a text. Use ${advice}.`, expression.span);
  }
  return convertToString(value);
}
