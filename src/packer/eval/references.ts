/** Finds what an expression refers to. */
import type { Expression, TemplatePart } from "../hcl/syntax.js";

/** Reference to a root name: `var.x` is root `var` with the name `x`. */
export interface Reference {
  readonly root: string;
  /** Undefined if the root is used as a whole. */
  readonly name: string | undefined;
  readonly expression: Expression;
}

/** Returns the references of an expression; names that it binds itself are left out. */
export function referencesOf(expression: Expression): Reference[] {
  const found: Reference[] = [];
  visit(expression, new Set(), found);
  return found;
}

function visit(expression: Expression, bound: ReadonlySet<string>, found: Reference[]): void {
  const reference = referenceOf(expression);
  if (reference) {
    if (!bound.has(reference.root)) found.push(reference);
    if (expression.kind === "index") visit(expression.key, bound, found);
    return;
  }
  if (expression.kind === "for") {
    visit(expression.collection, bound, found);
    const inner = bind(bound, expression.keyName, expression.valueName);
    for (const part of [expression.key, expression.value, expression.condition]) {
      if (part) visit(part, inner, found);
    }
    return;
  }
  if (expression.kind === "template") return visitParts(expression.parts, bound, found);
  for (const child of childrenOf(expression)) visit(child, bound, found);
}

function visitParts(
  parts: readonly TemplatePart[],
  bound: ReadonlySet<string>,
  found: Reference[],
): void {
  for (const part of parts) {
    if (part.kind === "interpolation") visit(part.expression, bound, found);
    else if (part.kind === "if") {
      visit(part.condition, bound, found);
      visitParts(part.whenTrue, bound, found);
      visitParts(part.whenFalse, bound, found);
    } else if (part.kind === "for") {
      visit(part.collection, bound, found);
      visitParts(part.body, bind(bound, part.keyName, part.valueName), found);
    }
  }
}

function bind(bound: ReadonlySet<string>, ...names: (string | undefined)[]): ReadonlySet<string> {
  return new Set([...bound, ...names.filter((name) => name !== undefined)]);
}

/** Returns `var.x`, `var["x"]` or `var` as a reference. */
function referenceOf(expression: Expression): Reference | undefined {
  if (expression.kind === "variable") {
    return { root: expression.name, name: undefined, expression };
  }
  if (expression.kind === "attribute" && expression.object.kind === "variable") {
    return { root: expression.object.name, name: expression.name, expression };
  }
  if (expression.kind === "index" && expression.object.kind === "variable") {
    const { key } = expression;
    const name = key.kind === "literal" && typeof key.value === "string" ? key.value : undefined;
    return { root: expression.object.name, name, expression };
  }
  return undefined;
}

function childrenOf(expression: Expression): readonly Expression[] {
  switch (expression.kind) {
    case "attribute":
      return [expression.object];
    case "index":
      return [expression.object, expression.key];
    case "splat":
      return [expression.object, expression.each];
    case "unary":
      return [expression.operand];
    case "binary":
      return [expression.left, expression.right];
    case "conditional":
      return [expression.condition, expression.whenTrue, expression.whenFalse];
    case "call":
      return expression.arguments;
    case "tuple":
      return expression.items;
    case "object":
      return expression.items.flatMap(({ key, value }) => [key, value]);
    case "parentheses":
      return [expression.inner];
    default:
      return [];
  }
}
