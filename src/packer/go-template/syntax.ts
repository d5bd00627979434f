/** Syntax tree of Go templates (text/template). */

/** Problem in a template's text, or while it is rendered. The message is a sentence. */
export class GoTemplateError extends Error {
  override readonly name = "GoTemplateError";
}

/** Part of a template. */
export type GoNode =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "action"; readonly pipeline: Pipeline; readonly source: string }
  | {
      readonly kind: "if" | "with" | "range";
      readonly pipeline: Pipeline;
      readonly body: readonly GoNode[];
      readonly otherwise: readonly GoNode[];
      readonly source: string;
    };

/** `$x := command | command`. The result of a command is the last argument of the next one. */
export interface Pipeline {
  /** Variables that the pipeline sets; two for the index and the element of `range`. */
  readonly variables: readonly string[];
  /** `=` in place of `:=`: the variables exist already. */
  readonly assigns: boolean;
  readonly commands: readonly (readonly Operand[])[];
}

/** Word of a command. */
export type Operand =
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  /** `.A.B`; without names, the dot itself. */
  | { readonly kind: "field"; readonly names: readonly string[] }
  /** `$x.A`; the name of `$` is empty. */
  | { readonly kind: "variable"; readonly name: string; readonly names: readonly string[] }
  | { readonly kind: "function"; readonly name: string }
  | { readonly kind: "pipeline"; readonly pipeline: Pipeline; readonly names: readonly string[] };
