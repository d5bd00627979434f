/** Reads `variable` and `variables` blocks. */
import { ConversionError, convert } from "../eval/convert.js";
import { evaluate } from "../eval/evaluate.js";
import { referencesOf } from "../eval/references.js";
import { Scope } from "../eval/scope.js";
import { parseType } from "../eval/types.js";
import type { Type } from "../eval/types.js";
import { isList, isMap } from "../eval/values.js";
import { DEFAULT_FUNCTIONS } from "../functions/registry.js";
import { placeOf } from "../hcl/source.js";
import type { Attribute, Block, Body, Expression, Span } from "../hcl/syntax.js";
import type { Value, VariableValidation } from "../model.js";
import { PackerFault } from "../problems.js";
import { findAttribute } from "./blocks.js";
import type { LoadState } from "./state.js";

/** Variable as its block declares it. */
export interface DeclaredVariable {
  readonly name: string;
  /** Undefined if neither a type nor a default gives one. */
  readonly type: Type | undefined;
  readonly typeText: string | undefined;
  readonly description: string | undefined;
  readonly sensitive: boolean;
  readonly default: Value | undefined;
  readonly defaultExpression: Expression | undefined;
  /** The type or the default could not be read, which is reported. */
  readonly isBroken: boolean;
  readonly validations: readonly VariableValidation[];
  readonly header: Span;
}

const ARGUMENTS = ["type", "default", "description", "sensitive"];

/** Reads all variables that the files declare. */
export function declareVariables(
  state: LoadState,
  bodies: readonly Body[],
): Map<string, DeclaredVariable> {
  const declared = new Map<string, DeclaredVariable>();
  const add = (variable: DeclaredVariable): void => {
    const earlier = declared.get(variable.name);
    if (!earlier) {
      declared.set(variable.name, variable);
      return;
    }
    const { file, line } = placeOf(earlier.header);
    const message = `The variable "${variable.name}" is declared already, in ${file} line ${line}.`;
    state.problems.add(message, variable.header);
  };
  for (const item of bodies.flatMap(({ items }) => items)) {
    if (item.kind === "attribute") continue;
    if (item.type.name === "variable") {
      const variable = state.problems.attempt(() => readVariable(state, item));
      if (variable) add(variable);
    } else if (item.type.name === "variables") {
      for (const entry of item.body.items) {
        if (entry.kind === "attribute") add(readShortVariable(state, entry));
      }
    }
  }
  return declared;
}

function defaultScope({ host, problems }: LoadState): Scope {
  const warn = problems.warn.bind(problems);
  return new Scope({ functions: DEFAULT_FUNCTIONS, host, warn }, new Map());
}

/** Reads an entry of `variables { … }`, which is a default. */
function readShortVariable(state: LoadState, { name, value }: Attribute): DeclaredVariable {
  const fallback = state.problems.attempt(() => evaluate(value, defaultScope(state)));
  return {
    name: name.name,
    type: fallback === undefined ? undefined : primitiveTypeOf(fallback),
    typeText: undefined,
    description: undefined,
    sensitive: false,
    default: fallback,
    defaultExpression: value,
    isBroken: fallback === undefined,
    validations: [],
    header: name.span,
  };
}

/** Type of a default without a type: string, number or bool. Lists and objects stay as they are. */
function primitiveTypeOf(value: Value): Type | undefined {
  if (typeof value === "string") return { kind: "string" };
  if (typeof value === "number") return { kind: "number" };
  return typeof value === "boolean" ? { kind: "bool" } : undefined;
}

function readVariable(state: LoadState, block: Block): DeclaredVariable {
  const [label, ...more] = block.labels;
  if (!label || more.length > 0) {
    throw new PackerFault('A "variable" block has one label, its name.', block.header);
  }
  checkName(label.name, label.span);
  checkContent(state, block);
  const scope = defaultScope(state);
  const typeExpression = findAttribute(block.body, "type")?.value;
  const type = typeExpression && readType(state, typeExpression, scope);
  const defaultExpression = findAttribute(block.body, "default")?.value;
  const fallback = defaultExpression && readDefault(state, defaultExpression, { type, scope });
  const description = readConstant(state, block.body, "description");
  const sensitive = readConstant(state, block.body, "sensitive");
  return {
    name: label.name,
    type: type ?? (fallback === undefined ? undefined : primitiveTypeOf(fallback)),
    typeText: placeText(typeExpression),
    description: typeof description === "string" ? description : undefined,
    sensitive: sensitive === true || sensitive === "true",
    default: fallback,
    defaultExpression,
    isBroken:
      (defaultExpression !== undefined && fallback === undefined) ||
      (typeExpression !== undefined && type === undefined),
    validations: block.body.items.flatMap((item) =>
      item.kind === "block" && item.type.name === "validation"
        ? (state.problems.attempt(() => readValidation(state, item, label.name)) ?? [])
        : [],
    ),
    header: block.header,
  };
}

function placeText(expression: Expression | undefined): string | undefined {
  if (!expression) return undefined;
  if (expression.kind === "literal" && typeof expression.value === "string")
    return expression.value;
  return placeOf(expression.span).text;
}

/** Refuses names that are no identifiers. */
function checkName(name: string, span: Span): void {
  if (/^[\p{ID_Start}_][\p{ID_Continue}-]*$/u.test(name)) return;
  throw new PackerFault(
    `"${name}" is not a name: a name begins with a letter or "_", and has only letters, digits, "_" and "-".`,
    span,
  );
}

function checkContent({ problems }: LoadState, { body }: Block): void {
  for (const item of body.items) {
    if (item.kind === "attribute" && !ARGUMENTS.includes(item.name.name)) {
      problems.add(`A variable has no argument "${item.name.name}".`, item.name.span);
    }
    if (item.kind === "block" && item.type.name !== "validation") {
      problems.add(`A variable has no block "${item.type.name}".`, item.header);
    }
  }
}

function readType({ problems }: LoadState, type: Expression, scope: Scope): Type | undefined {
  return problems.attempt(() => parseType(type, (value) => evaluate(value, scope)));
}

function readDefault(
  { problems }: LoadState,
  expression: Expression,
  { type, scope }: { type: Type | undefined; scope: Scope },
): Value | undefined {
  return problems.attempt(() => {
    refuseReferences(expression, "The default of a variable");
    const value = evaluate(expression, scope);
    if (!type) return value;
    try {
      return convert(value, type);
    } catch (error) {
      if (!(error instanceof ConversionError)) throw error;
      const message = `The default does not fit the type of the variable: ${error.message}.`;
      throw new PackerFault(message, expression.span);
    }
  });
}

/** Refuses references, with the reason, where Packer knows no names yet. */
export function refuseReferences(expression: Expression, subject: string): void {
  const [first] = referencesOf(expression);
  if (!first) return;
  const name = first.name === undefined ? first.root : `${first.root}.${first.name}`;
  throw new PackerFault(
    `${subject} cannot refer to ${name}. Use a local for values that depend on others; a text is written in quotes.`,
    first.expression.span,
  );
}

/** Value of an argument that refers to nothing. */
function readConstant(state: LoadState, body: Body, name: string): Value | undefined {
  const expression = findAttribute(body, name)?.value;
  return expression && state.problems.attempt(() => evaluate(expression, defaultScope(state)));
}

function readValidation(state: LoadState, block: Block, name: string): VariableValidation {
  const condition = findAttribute(block.body, "condition")?.value;
  const message = findAttribute(block.body, "error_message")?.value;
  if (!condition || !message) {
    throw new PackerFault(
      'A "validation" block needs "condition" and "error_message".',
      block.header,
    );
  }
  const text = evaluate(message, defaultScope(state));
  if (typeof text !== "string" || text === "") {
    throw new PackerFault('"error_message" must be a text.', message.span);
  }
  for (const reference of referencesOf(condition)) {
    if (reference.root === "var" && reference.name === name) continue;
    throw new PackerFault(
      `The condition of the variable "${name}" can refer to var.${name} only.`,
      reference.expression.span,
    );
  }
  return {
    condition,
    conditionText: placeOf(condition.span).text,
    errorMessage: text,
    place: placeOf(block.header),
  };
}

/** Tells if a value on the command line is an expression; otherwise, it is the text itself. */
export function isExpressionType({ type, default: fallback }: DeclaredVariable): boolean {
  if (type) return !["string", "number", "any"].includes(type.kind);
  const value = fallback ?? null;
  return (isList(value) && value.length > 0) || (isMap(value) && value.size > 0);
}
