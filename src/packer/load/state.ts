/** What the parts of a template share while it is read. */
import { referencesOf } from "../eval/references.js";
import { Scope } from "../eval/scope.js";
import type { Root } from "../eval/scope.js";
import { evaluate } from "../eval/evaluate.js";
import type { FunctionHost } from "../functions/function.js";
import { FUNCTIONS } from "../functions/registry.js";
import type { Attribute, Expression } from "../hcl/syntax.js";
import { placeOf } from "../hcl/source.js";
import type { PackerAttribute, Value } from "../model.js";
import type { Problems } from "../problems.js";

/** Expressions of variables and locals, from which dependencies follow. */
export class Dependencies {
  readonly #locals = new Map<string, Expression>();
  readonly #sensitive = new Set<string>();

  /** Adds a local by its name, such as `x` for local.x. */
  addLocal(name: string, expression: Expression, sensitive: boolean): void {
    this.#locals.set(name, expression);
    if (sensitive) this.#sensitive.add(`local.${name}`);
  }

  /** Marks a variable as sensitive. */
  addSensitiveVariable(name: string): void {
    this.#sensitive.add(`var.${name}`);
  }

  /** Returns the variables and locals that an expression depends on, also indirectly. */
  of(expression: Expression): readonly string[] {
    const found = new Set<string>();
    this.#collect(expression, found);
    return [...found].toSorted();
  }

  /** Tells if one of the names is sensitive. */
  areSensitive(names: readonly string[]): boolean {
    return names.some((name) => this.#sensitive.has(name));
  }

  #collect(expression: Expression, found: Set<string>): void {
    for (const { root, name } of referencesOf(expression)) {
      if (name !== undefined && (root === "var" || root === "data")) found.add(`${root}.${name}`);
      if (root !== "local" || name === undefined || found.has(`local.${name}`)) continue;
      const local = this.#locals.get(name);
      if (!local) continue;
      found.add(`local.${name}`);
      this.#collect(local, found);
    }
  }
}

/** State of reading a template. */
export interface LoadState {
  readonly problems: Problems;
  readonly host: FunctionHost;
  readonly dependencies: Dependencies;
}

/** Makes a scope with the given roots and all functions. */
export function makeScope(state: LoadState, roots: Iterable<readonly [string, Root]>): Scope {
  const warn = state.problems.warn.bind(state.problems);
  return new Scope({ functions: FUNCTIONS, host: state.host, warn }, new Map(roots));
}

/** Evaluates an argument. Undefined, with a problem added, if that fails. */
export function evaluateAttribute(
  state: LoadState,
  { name, value: expression }: Attribute,
  scope: Scope,
  inherited: readonly string[] = [],
): PackerAttribute | undefined {
  const value = state.problems.attempt(() => evaluate(expression, scope));
  if (value === undefined) return undefined;
  return attributeOf(state, { name: name.name, expression, value, inherited });
}

/** Describes an evaluated argument. */
export function attributeOf(
  { dependencies }: LoadState,
  parts: { name: string; expression: Expression; value: Value; inherited?: readonly string[] },
): PackerAttribute {
  const { name, expression, value, inherited = [] } = parts;
  const dependsOn = [...new Set([...inherited, ...dependencies.of(expression)])].toSorted();
  return {
    name,
    value,
    sensitive: dependencies.areSensitive(dependsOn),
    place: placeOf(expression.span),
    dependsOn,
    expression,
  };
}
