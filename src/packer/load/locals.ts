/** Evaluates `locals` and `local` blocks in any order. */
import { evaluate } from "../eval/evaluate.js";
import type { Root, Scope } from "../eval/scope.js";
import { unknownName } from "../eval/scope.js";
import { mapOf } from "../eval/values.js";
import { placeOf } from "../hcl/source.js";
import type { Block, Body, Expression, Span } from "../hcl/syntax.js";
import type { PackerLocal, Value } from "../model.js";
import { KnownFault, PackerFault } from "../problems.js";
import { findAttribute } from "./blocks.js";
import { attributeOf } from "./state.js";
import type { LoadState } from "./state.js";

interface DeclaredLocal {
  readonly name: string;
  readonly expression: Expression;
  readonly sensitive: boolean;
  readonly span: Span;
}

/** Locals of a template. Each is evaluated when it is first used. */
export class Locals {
  readonly #state: LoadState;
  readonly #declared: ReadonlyMap<string, DeclaredLocal>;
  readonly #values = new Map<string, Value>();
  readonly #failed = new Set<string>();
  /** Names that are being evaluated, each because of the one before it. */
  readonly #open: string[] = [];
  #scope: Scope | undefined;

  constructor(state: LoadState, bodies: readonly Body[]) {
    this.#state = state;
    this.#declared = declareLocals(state, bodies);
    for (const { name, expression, sensitive } of this.#declared.values()) {
      state.dependencies.addLocal(name, expression, sensitive);
    }
  }

  /** Root `local`. */
  readonly root: Root = {
    get: (name, span) => this.#get(name, span),
    all: (span) =>
      mapOf([...this.#declared.keys()].map((name) => [name, this.#get(name, span)] as const)),
  };

  /** Evaluates all locals in a scope, which knows this object's root, too. */
  evaluateAll(scope: Scope): PackerLocal[] {
    this.#scope = scope;
    return [...this.#declared.values()].flatMap((local): PackerLocal[] => {
      const value = this.#state.problems.attempt(() => this.#get(local.name, local.span));
      if (value === undefined) return [];
      const { name, expression, sensitive } = local;
      const attribute = attributeOf(this.#state, { name, expression, value });
      return [
        {
          ...attribute,
          sensitive: attribute.sensitive || sensitive,
          declaredSensitive: sensitive,
        },
      ];
    });
  }

  #get(name: string, span: Span): Value {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    if (this.#failed.has(name)) throw new KnownFault();
    const local = this.#declared.get(name);
    if (!local || !this.#scope) {
      throw unknownName("local", { key: name, span, known: [...this.#declared.keys()] });
    }
    const start = this.#open.indexOf(name);
    if (start !== -1) throw this.#circle([...this.#open.slice(start), name], span);
    this.#open.push(name);
    try {
      const value = evaluate(local.expression, this.#scope);
      this.#values.set(name, value);
      return value;
    } catch (error) {
      this.#failed.add(name);
      this.#state.problems.addFault(error);
      throw new KnownFault();
    } finally {
      this.#open.pop();
    }
  }

  #circle(names: readonly string[], span: Span): PackerFault {
    const path = names.map((name) => `local.${name}`).join(" -> ");
    return new PackerFault(`Locals depend on each other in a circle: ${path}.`, span);
  }
}

function declareLocals(
  { problems }: LoadState,
  bodies: readonly Body[],
): Map<string, DeclaredLocal> {
  const declared = new Map<string, DeclaredLocal>();
  const add = (local: DeclaredLocal): void => {
    const earlier = declared.get(local.name);
    if (!earlier) {
      declared.set(local.name, local);
      return;
    }
    const { file, line } = placeOf(earlier.span);
    problems.add(
      `The local "${local.name}" is defined already, in ${file} line ${line}.`,
      local.span,
    );
  };
  for (const block of bodies.flatMap(({ items }) => items)) {
    if (block.kind === "attribute") continue;
    if (block.type.name === "locals") {
      for (const item of block.body.items) {
        if (item.kind === "block") {
          problems.add(`"locals" has values only, no block "${item.type.name}".`, item.header);
        } else {
          const { name, span } = item.name;
          add({ name, expression: item.value, sensitive: false, span });
        }
      }
    } else if (block.type.name === "local") {
      const local = problems.attempt(() => readLocalBlock(block));
      if (local) add(local);
    }
  }
  return declared;
}

function readLocalBlock(block: Block): DeclaredLocal {
  const [label, ...more] = block.labels;
  if (!label || more.length > 0) {
    throw new PackerFault('A "local" block has one label, its name.', block.header);
  }
  for (const item of block.body.items) {
    const name = item.kind === "attribute" ? item.name : item.type;
    if (item.kind === "attribute" && ["expression", "sensitive"].includes(name.name)) continue;
    throw new PackerFault(`A "local" block has no "${name.name}".`, name.span);
  }
  const expression = findAttribute(block.body, "expression")?.value;
  if (!expression) throw new PackerFault('A "local" block needs "expression".', block.header);
  const sensitive = findAttribute(block.body, "sensitive")?.value;
  return {
    name: label.name,
    expression,
    sensitive: sensitive?.kind === "literal" && String(sensitive.value) === "true",
    span: label.span,
  };
}
