/**
 * Collects the values of variables in Packer's order: default, PKR_VAR_name in the environment, files
 * of variables (automatic ones first), and `-var`. The last one counts.
 */
import { resolve } from "node:path";
import { ConversionError, convert } from "../eval/convert.js";
import { evaluate } from "../eval/evaluate.js";
import { closest } from "../eval/scope.js";
import { parseJsonFile } from "../hcl/json-syntax.js";
import { parseExpressionText, parseFile } from "../hcl/parse.js";
import { SourceFile, placeOf } from "../hcl/source.js";
import type { Attribute, Body, Expression } from "../hcl/syntax.js";
import type { PackerLoadOptions, PackerVariable, Value, VariableOrigin } from "../model.js";
import { PackerFault } from "../problems.js";
import { readSource } from "./files.js";
import { makeScope } from "./state.js";
import type { LoadState } from "./state.js";
import { isExpressionType, refuseReferences } from "./variable-blocks.js";
import type { DeclaredVariable } from "./variable-blocks.js";

const ENVIRONMENT_PREFIX = "PKR_VAR_";

/** Value that a variable was given. */
interface Assignment {
  /** Undefined if it does not fit the type, which is reported. */
  readonly value: Value | undefined;
  readonly origin: VariableOrigin;
  readonly expression: Expression;
}

/** Variables with their values; those without a value are reported and missing. */
export interface VariableValues {
  readonly variables: readonly PackerVariable[];
  /** Names of the variables without a value. */
  readonly unset: readonly string[];
  /** Absolute paths of the files of variables. */
  readonly files: readonly string[];
}

/** What the values are collected from. */
export interface ValueSources {
  readonly declared: ReadonlyMap<string, DeclaredVariable>;
  readonly autoFiles: readonly string[];
  readonly options: PackerLoadOptions;
}

/** Collects and checks the values of all variables. */
export function collectValues(state: LoadState, sources: ValueSources): VariableValues {
  const given = new Map<string, Assignment>();
  readEnvironment(state, sources, given);
  const named = (sources.options.variableFiles ?? []).map((path) => resolve(state.host.cwd, path));
  const files = [...sources.autoFiles, ...named];
  for (const path of files) readVariableFile(state, sources, { path, given });
  readArguments(state, sources, given);
  const variables = [...sources.declared.values()].flatMap(
    (variable) => finish(state, variable, given.get(variable.name)) ?? [],
  );
  const known = new Set(variables.map(({ name }) => name));
  const unset = [...sources.declared.keys()].filter((name) => !known.has(name));
  return { variables, unset, files };
}

function readEnvironment(
  state: LoadState,
  { declared }: ValueSources,
  given: Map<string, Assignment>,
): void {
  for (const [key, text] of Object.entries(state.host.environment)) {
    if (!key.startsWith(ENVIRONMENT_PREFIX) || text === undefined) continue;
    const variable = declared.get(key.slice(ENVIRONMENT_PREFIX.length));
    // Packer ignores variables of the environment that the template does not declare.
    if (!variable) continue;
    const origin = { kind: "environment", detail: key } as const;
    assignText(state, variable, { text, origin, source: `environment variable ${key}`, given });
  }
}

function readArguments(
  state: LoadState,
  { declared, options }: ValueSources,
  given: Map<string, Assignment>,
): void {
  for (const [name, text] of options.variables ?? []) {
    const variable = declared.get(name);
    if (variable) {
      const origin = { kind: "argument", detail: undefined } as const;
      assignText(state, variable, { text, origin, source: `value of --var ${name}`, given });
      continue;
    }
    const similar = closest(name, [...declared.keys()]);
    const hint = similar === undefined ? "" : ` Did you mean "${similar}"?`;
    state.problems.add(
      `The variable "${name}" of --var is not declared in the template.${hint}`,
      undefined,
    );
  }
}

interface TextValue {
  readonly text: string;
  readonly origin: VariableOrigin;
  /** Name of the text in places. */
  readonly source: string;
  readonly given: Map<string, Assignment>;
}

function assignText(state: LoadState, variable: DeclaredVariable, text: TextValue): void {
  const { source, origin, given } = text;
  state.problems.attempt(() => {
    const file = new SourceFile(source, text.text);
    const expression: Expression = isExpressionType(variable)
      ? parseExpressionText(source, text.text)
      : { kind: "literal", value: text.text, span: { file, start: 0, end: text.text.length } };
    assign(state, variable, { expression, origin, given });
  });
}

function assign(
  state: LoadState,
  variable: DeclaredVariable,
  parts: { expression: Expression; origin: VariableOrigin; given: Map<string, Assignment> },
): void {
  const { expression, origin, given } = parts;
  refuseReferences(expression, "The value of a variable");
  const value = evaluate(expression, makeScope(state, []));
  try {
    const converted = variable.type ? convert(value, variable.type) : value;
    given.set(variable.name, { value: converted, origin, expression });
  } catch (error) {
    if (!(error instanceof ConversionError)) throw error;
    given.set(variable.name, { value: undefined, origin, expression });
    throw new PackerFault(
      `The value does not fit the type of the variable "${variable.name}": ${error.message}.`,
      expression.span,
    );
  }
}

function readVariableFile(
  state: LoadState,
  { declared, options }: ValueSources,
  { path, given }: { path: string; given: Map<string, Assignment> },
): void {
  const body = parseVariableFile(state, path);
  for (const item of body?.items ?? []) {
    if (item.kind === "block") {
      state.problems.add(
        `A file of variables has only values, such as ${item.labels[0]?.name ?? "name"} = "…". Declare variables in a .pkr.hcl file.`,
        item.header,
      );
      continue;
    }
    const variable = declared.get(item.name.name);
    if (variable) assignFromFile(state, variable, { item, path, given });
    else if (options.warnUndeclared !== false) warnOfUndeclared(state, declared, item);
  }
}

function assignFromFile(
  state: LoadState,
  variable: DeclaredVariable,
  { item, path, given }: { item: Attribute; path: string; given: Map<string, Assignment> },
): void {
  const origin = { kind: "file", detail: path } as const;
  state.problems.attempt(() => assign(state, variable, { expression: item.value, origin, given }));
}

function warnOfUndeclared(
  { problems }: LoadState,
  declared: ReadonlyMap<string, DeclaredVariable>,
  { name }: Attribute,
): void {
  const similar = closest(name.name, [...declared.keys()]);
  const hint = similar === undefined ? "" : ` Did you mean "${similar}"?`;
  problems.warn(
    `The variable "${name.name}" is not declared in the template, and ignored.${hint}`,
    name.span,
  );
}

function parseVariableFile({ problems, host }: LoadState, path: string): Body | undefined {
  const isJson = path.endsWith(".json");
  if (!isJson && !path.endsWith(".hcl")) {
    problems.add(`The name of the file of variables ${path} must end in .hcl or .json.`, undefined);
    return undefined;
  }
  const file = readSource(path, host.cwd, problems);
  if (!file) return undefined;
  return isJson ? parseJsonFile(file, {}, problems) : parseFile(file, problems);
}

/** Checks a variable's value; undefined, with a problem added, where it has none. */
function finish(
  state: LoadState,
  variable: DeclaredVariable,
  given: Assignment | undefined,
): PackerVariable | undefined {
  const { name, default: fallback } = variable;
  const value = given ? given.value : fallback;
  if (variable.sensitive) state.dependencies.addSensitiveVariable(name);
  if (value === undefined) {
    if (!variable.isBroken && !given) {
      state.problems.add(
        `The variable "${name}" has no default and must be given: --var ${name}=…, --var-file, or ${ENVIRONMENT_PREFIX}${name} in the environment.`,
        variable.header,
      );
    }
    return undefined;
  }
  validate(state, variable, { value, given });
  return {
    name,
    type: variable.typeText,
    description: variable.description,
    sensitive: variable.sensitive,
    default: fallback,
    defaultEnvironment: environmentOf(variable.defaultExpression),
    validations: variable.validations,
    value,
    origin: given?.origin ?? { kind: "default", detail: undefined },
    place: placeOf(variable.header),
  };
}

/** Name in `env("NAME")`, if that is the whole default. */
function environmentOf(expression: Expression | undefined): string | undefined {
  if (expression?.kind !== "call" || expression.name !== "env") return undefined;
  const [name] = expression.arguments;
  return name?.kind === "literal" && typeof name.value === "string" ? name.value : undefined;
}

function validate(
  state: LoadState,
  variable: DeclaredVariable,
  { value, given }: { value: Value; given: Assignment | undefined },
): void {
  const known = new Map([[variable.name, value]]);
  const root = { get: () => value, all: () => known };
  const scope = makeScope(state, [["var", root]]);
  for (const { condition, errorMessage } of variable.validations) {
    const result = state.problems.attempt(() => evaluate(condition, scope));
    if (result === undefined || result === true || result === "true") continue;
    if (result === false || result === "false") {
      const span = given?.expression.span ?? variable.defaultExpression?.span ?? variable.header;
      state.problems.add(
        `The value of the variable "${variable.name}" is refused: ${errorMessage}`,
        span,
      );
    } else {
      state.problems.add("The condition must be true or false.", condition.span);
    }
  }
}
