/**
 * Converts values of a Packer template to values of vmbuild's. Where an expression is a variable, or
 * a text with variables, it keeps references to them; otherwise the evaluated value takes its place.
 */
import type { PackerAttribute, PackerTemplate, PackerVariable } from "../model.js";
import type { Expression, TemplatePart } from "../hcl/syntax.js";
import { plainOf, textOf } from "./plain.js";
import type { Plain } from "./plain.js";

/** Kind of text: in shell text, references that vmbuild does not know are left alone. */
export type TextKind = "plain" | "shell";

const REFERENCE = /\$?\$\{([^{}]*)\}/g;
const REFERENCE_NAME = /^(?:name|version|(?:var|input|image|disk)\..*)$/;

/** Escapes text that would be taken for a reference. */
export function escapeText(text: string, kind: TextKind): string {
  return text.replace(REFERENCE, (whole, reference: string) => {
    const isLeft = kind === "shell" && !whole.startsWith("$$") && !REFERENCE_NAME.test(reference);
    return isLeft ? whole : `$${whole}`;
  });
}

/** Deepest nesting of locals that is followed. */
const MAX_DEPTH = 8;

/** Value of an attribute in both forms. */
export interface Kept {
  /** Evaluated. */
  readonly value: Plain;
  /** For vmbuild's template, with references to variables. */
  readonly json: Plain;
  /** An expression that depends on variables was evaluated. */
  readonly isEvaluated: boolean;
}

/** Converts values, and collects the variables that they refer to. */
export class Keeper {
  readonly #variables: ReadonlyMap<string, PackerVariable>;
  readonly #locals: ReadonlyMap<string, PackerAttribute>;
  readonly #used = new Set<string>();
  readonly #hidden = new Map<string, string>();

  constructor({ variables, locals }: Pick<PackerTemplate, "variables" | "locals">) {
    this.#variables = new Map(variables.map((variable) => [variable.name, variable]));
    this.#locals = new Map(locals.map((local) => [local.name, local]));
  }

  /** Variables of Packer that the converted values refer to. */
  get used(): readonly PackerVariable[] {
    return [...this.#variables.values()].filter(({ name }) => this.#used.has(name));
  }

  /** Secrets that are no variables of Packer, by the names of the variables that were made of them. */
  get hidden(): ReadonlyMap<string, string> {
    return this.#hidden;
  }

  /** Converts the value of an attribute. */
  keep(attribute: PackerAttribute, kind: TextKind): Kept {
    const value = plainOf(attribute.value);
    const json = this.#convert(attribute.expression, value, { attribute, kind });
    const depends = attribute.dependsOn.some((name) => /^(var|data)\./.test(name));
    const text = JSON.stringify(json) ?? "";
    return { value, json, isEvaluated: depends && !text.includes("${var.") };
  }

  #convert(
    expression: Expression | undefined,
    value: Plain,
    context: { readonly attribute: PackerAttribute; readonly kind: TextKind },
  ): Plain {
    const inner = unwrap(expression);
    if (Array.isArray(value)) {
      const items =
        inner?.kind === "tuple" && inner.items.length === value.length ? inner.items : [];
      return value.map((item, index) => this.#convert(items[index], item, context));
    }
    if (typeof value === "object" && value !== null) {
      const items = inner?.kind === "object" ? inner.items : [];
      const byKey = new Map(items.map(({ key, value: item }) => [literalText(key), item]));
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [
          key,
          this.#convert(byKey.get(key), item, context),
        ]),
      );
    }
    return this.#scalar(inner, value, context);
  }

  #scalar(
    expression: Expression | undefined,
    value: Plain,
    { attribute, kind }: { readonly attribute: PackerAttribute; readonly kind: TextKind },
  ): Plain {
    const used = new Set<string>();
    const text = expression && this.#reference(expression, { used, kind, depth: 0 });
    if (text !== undefined && used.size > 0 && this.#filled(text) === textOf(value)) {
      for (const name of used) this.#used.add(name);
      return text;
    }
    if (typeof value !== "string") return value;
    return attribute.sensitive ? this.#hide(value, attribute.name, kind) : escapeText(value, kind);
  }

  /** Returns an expression as a text with references; undefined if that cannot be said. */
  #reference(
    expression: Expression,
    context: { readonly used: Set<string>; readonly kind: TextKind; readonly depth: number },
  ): string | undefined {
    const inner = unwrap(expression);
    if (inner === undefined || context.depth > MAX_DEPTH) return undefined;
    if (inner.kind === "literal") return escapeText(String(inner.value), context.kind);
    if (inner.kind === "template") {
      const parts = inner.parts.map((part) => this.#part(part, context));
      return parts.includes(undefined) ? undefined : parts.join("");
    }
    if (inner.kind !== "attribute" || inner.object.kind !== "variable") return undefined;
    if (inner.object.name === "local") {
      const local = this.#locals.get(inner.name)?.expression;
      return local && this.#reference(local, { ...context, depth: context.depth + 1 });
    }
    const variable = inner.object.name === "var" ? this.#variables.get(inner.name) : undefined;
    if (!variable || textOf(plainOf(variable.value)) === undefined) return undefined;
    if (!isReferable(variable)) return undefined;
    context.used.add(variable.name);
    return `\${var.${variable.name}}`;
  }

  #part(
    part: TemplatePart,
    context: { readonly used: Set<string>; readonly kind: TextKind; readonly depth: number },
  ): string | undefined {
    if (part.kind === "text") return escapeText(part.text, context.kind);
    if (part.kind === "interpolation") return this.#reference(part.expression, context);
    return undefined;
  }

  /** Returns what vmbuild makes of a text, to compare it with the evaluated value. */
  #filled(text: string): string {
    return text.replace(REFERENCE, (whole, reference: string) => {
      if (whole.startsWith("$$")) return whole.slice(1);
      const variable = reference.startsWith("var.")
        ? this.#variables.get(reference.slice("var.".length))
        : undefined;
      return variable ? (textOf(plainOf(variable.value)) ?? "") : whole;
    });
  }

  /** Replaces a secret in a text by a reference to its variable, or makes one of the whole text. */
  #hide(text: string, option: string, kind: TextKind): string {
    const holders = [...this.#variables.values()].filter(
      (variable) => variable.sensitive && isReferable(variable),
    );
    for (const variable of holders) {
      const secret = textOf(plainOf(variable.value)) ?? "";
      if (secret.length < 4 || !text.includes(secret)) continue;
      this.#used.add(variable.name);
      const parts = text.split(secret).map((part) => escapeText(part, kind));
      return parts.join(`\${var.${variable.name}}`);
    }
    if (text === "") return text;
    const known = [...this.#hidden].find(([, value]) => value === text)?.[0];
    const name = known ?? this.#newName(option);
    this.#hidden.set(name, text);
    return `\${var.${name}}`;
  }

  #newName(option: string): string {
    const base = `secret_${option.replaceAll(/\W/g, "_")}`;
    const isTaken = (name: string): boolean => this.#hidden.has(name) || this.#variables.has(name);
    if (!isTaken(base)) return base;
    for (let number = 2; ; number++) if (!isTaken(`${base}_${number}`)) return `${base}_${number}`;
  }
}

/** Returns whether a variable's name is one that vmbuild's templates can have. */
function isReferable({ name }: PackerVariable): boolean {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name);
}

function unwrap(expression: Expression | undefined): Expression | undefined {
  let at = expression;
  while (at?.kind === "parentheses") at = at.inner;
  return at;
}

function literalText(expression: Expression): string | undefined {
  const inner = unwrap(expression);
  if (inner?.kind === "literal") return String(inner.value);
  return inner?.kind === "variable" ? inner.name : undefined;
}
