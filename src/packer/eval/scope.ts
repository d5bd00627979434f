/** Names that an expression can use. */
import type { Span } from "../hcl/syntax.js";
import type { Value } from "../model.js";
import type { FunctionHost, FunctionTable } from "../functions/function.js";
import { PackerFault } from "../problems.js";

/** Root such as `var`, whose values are found by name. Both functions throw a PackerFault. */
export interface Root {
  readonly get: (name: string, span: Span) => Value;
  /** Returns the whole object. */
  readonly all: (span: Span) => Value;
}

/** What all expressions of a template share. */
export interface EvaluationContext {
  readonly functions: FunctionTable;
  readonly host: FunctionHost;
  /** Adds a warning. */
  readonly warn: (message: string, span: Span) => void;
  /** The expression is in a file of `templatefile`, which knows only the names that it is given. */
  readonly inTemplateFile?: boolean;
}

/** Names in use at an expression: roots, and names that `for` and `dynamic` bind. */
export class Scope {
  readonly context: EvaluationContext;
  readonly #roots: ReadonlyMap<string, Root>;
  readonly #values: ReadonlyMap<string, Value>;

  constructor(
    context: EvaluationContext,
    roots: ReadonlyMap<string, Root>,
    values: ReadonlyMap<string, Value> = new Map<string, Value>(),
  ) {
    this.context = context;
    this.#roots = roots;
    this.#values = values;
  }

  /** Returns a scope with more names; they hide roots of the same name. */
  with(names: Iterable<readonly [string, Value]>): Scope {
    return new Scope(this.context, this.#roots, new Map([...this.#values, ...names]));
  }

  /** Returns a scope with further or other roots. */
  withRoots(roots: Iterable<readonly [string, Root]>): Scope {
    return new Scope(this.context, new Map([...this.#roots, ...roots]), this.#values);
  }

  /** Returns a scope that knows only these names, for templates in files. */
  only(names: ReadonlyMap<string, Value>): Scope {
    return new Scope({ ...this.context, inTemplateFile: true }, new Map(), names);
  }

  /** Returns the value of a bound name. */
  value(name: string): Value | undefined {
    return this.#values.get(name);
  }

  /** Returns a root, unless a bound name hides it. */
  root(name: string): Root | undefined {
    return this.#values.has(name) ? undefined : this.#roots.get(name);
  }

  /** Names that can be used, for messages. */
  get names(): string[] {
    return [...new Set([...this.#values.keys(), ...this.#roots.keys()])].toSorted();
  }
}

/** Root whose values are all known. */
export function constantRoot(name: string, values: ReadonlyMap<string, Value>): Root {
  return { get: (key, span) => getOrFail(name, values, { key, span }), all: () => values };
}

function getOrFail(
  root: string,
  values: ReadonlyMap<string, Value>,
  { key, span }: { key: string; span: Span },
): Value {
  const value = values.get(key);
  if (value !== undefined) return value;
  throw unknownName(root, { key, span, known: [...values.keys()] });
}

/** Returns the fault for a name that a root does not have, with the most similar name that it has. */
export function unknownName(
  root: string,
  { key, span, known }: { key: string; span: Span; known: readonly string[] },
): PackerFault {
  const similar = closest(key, known);
  const hint = similar === undefined ? "" : ` Did you mean ${root}.${similar}?`;
  return new PackerFault(`${root}.${key} is not defined.${hint}`, span);
}

/** Returns the most similar name, if one is similar. */
export function closest(name: string, known: readonly string[]): string | undefined {
  const limit = Math.max(1, Math.round(name.length / 3));
  const scored = known
    .map((other) => ({ other, distance: distance(name, other) }))
    .filter((one) => one.distance <= limit)
    .toSorted((a, b) => a.distance - b.distance);
  return scored[0]?.other;
}

/** Levenshtein distance. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 5 || a.length > 60) return Infinity;
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [index, letter] of Array.from(a).entries()) {
    const next = [index + 1];
    for (const [column, other] of Array.from(b).entries()) {
      const replace = (row[column] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replace, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? Infinity;
}
