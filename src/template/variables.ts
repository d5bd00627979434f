/**
 * Resolves the values of a template's variables, in ascending precedence: default, environment,
 * --var-file, --var.
 */
import type { VariableDeclaration } from "./schema.js";

/** Value of a variable in one run. */
export type VariableValue = string | number | boolean;

/** Value that a user gave, and its source. */
export interface GivenValue {
  readonly value: unknown;
  /** Original text of a number: `1.10`, whose value is 1.1. */
  readonly text?: string;
  /** Source for messages: `--var model`, `values.json`, `VMBUILD_VAR_model`. */
  readonly source: string;
}

/** Problem of a variable. */
export interface VariableProblem {
  readonly name: string;
  readonly message: string;
  readonly source: string;
}

/** All values, and all problems. */
export interface ResolvedVariables {
  readonly values: ReadonlyMap<string, VariableValue>;
  readonly problems: readonly VariableProblem[];
}

/** Returns the environment variable that sets a template's variable. */
export const environmentName = (name: string): string => `VMBUILD_VAR_${name}`;

function typeOf(declaration: VariableDeclaration): "string" | "number" | "boolean" {
  if (declaration.type) return declaration.type;
  const kind = typeof declaration.default;
  return kind === "number" || kind === "boolean" ? kind : "string";
}

/** Converts a value to the declared type; undefined when it does not match. */
function convert(given: unknown, type: "string" | "number" | "boolean"): VariableValue | undefined {
  if (typeof given === type) return given as VariableValue;
  if (type === "string")
    return typeof given === "number" || typeof given === "boolean" ? String(given) : undefined;
  if (typeof given !== "string") return undefined;
  if (type === "boolean") return given === "true" ? true : given === "false" ? false : undefined;
  const number = Number(given);
  return given.trim() === "" || Number.isNaN(number) ? undefined : number;
}

/**
 * Returns the expression that the whole value must match. Throws a SyntaxError when the pattern is
 * invalid.
 */
function patternOf({ pattern }: VariableDeclaration): RegExp | undefined {
  if (pattern === undefined) return undefined;
  // The pattern is compiled alone first: "a)(b" is invalid, although it would be valid inside
  // parentheses.
  const own = new RegExp(pattern, "u");
  return new RegExp(`^(?:${own.source})$`, "u");
}

function problemOf(declaration: VariableDeclaration, given: unknown): string | undefined {
  const type = typeOf(declaration);
  const shown = declaration.sensitive ? "its value" : JSON.stringify(given);
  const value = convert(given, type);
  if (value === undefined) return `${shown} is not a ${type}`;
  const { allowed, pattern } = declaration;
  if (allowed && !allowed.includes(value)) {
    return `${shown} is not one of ${allowed.map((item) => JSON.stringify(item)).join(", ")}`;
  }
  if (pattern === undefined) return undefined;
  return patternOf(declaration)?.test(String(value))
    ? undefined
    : `${shown} does not match the pattern ${pattern}`;
}

/** Returns the original digits of a number that is given for a text variable. */
function keepDigits(given: GivenValue): GivenValue {
  return given.text === undefined ? given : { ...given, value: given.text };
}

/**
 * Returns the problem of a declaration's pattern; undefined when it is a valid regular expression.
 */
export function patternProblem(declaration: VariableDeclaration): string | undefined {
  try {
    patternOf(declaration);
    return undefined;
  } catch (error) {
    return `not a valid regular expression: ${(error as Error).message}`;
  }
}

/**
 * Resolves every declared variable.
 * @param given values by name, the source with the highest precedence last.
 */
export function resolveVariables(
  declarations: Readonly<Record<string, VariableDeclaration>>,
  given: ReadonlyMap<string, readonly GivenValue[]>,
): ResolvedVariables {
  const values = new Map<string, VariableValue>();
  const problems: VariableProblem[] = [];
  for (const [name, sources] of given) {
    if (Object.hasOwn(declarations, name)) continue;
    const known = Object.keys(declarations);
    const list = known.length > 0 ? `it declares ${known.join(", ")}` : "it declares none";
    const source = sources.at(-1)?.source ?? name;
    problems.push({
      name,
      source,
      message: `the template declares no variable "${name}"; ${list}`,
    });
  }
  for (const [name, declaration] of Object.entries(declarations)) {
    if (patternProblem(declaration)) continue;
    const strongest = given.get(name)?.at(-1);
    const found = strongest ?? { value: declaration.default, source: `the default of ${name}` };
    const chosen = typeOf(declaration) === "string" ? keepDigits(found) : found;
    if (chosen.value === undefined) {
      const message = `the variable "${name}" has no value; set it with --var ${name}=… or ${environmentName(name)}`;
      problems.push({ name, source: "variables", message });
      continue;
    }
    const message = problemOf(declaration, chosen.value);
    if (message) problems.push({ name, source: chosen.source, message: `"${name}": ${message}` });
    else values.set(name, convert(chosen.value, typeOf(declaration)) as VariableValue);
  }
  return { values, problems };
}
