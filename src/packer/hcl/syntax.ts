/** Syntax tree of HCL. Every node has its place as offsets into its file. */
import type { Span } from "./source.js";

export type { Span } from "./source.js";

/** Name with its place. */
export interface Name {
  readonly name: string;
  readonly span: Span;
}

/** Entry of an object: `key = value`. A bare identifier as a key is a literal string. */
export interface ObjectItem {
  readonly key: Expression;
  readonly value: Expression;
}

/** Expression. Literal text is `literal`, a text with `${…}` or `%{…}` is `template`. */
export type Expression = { readonly span: Span } & (
  | { readonly kind: "literal"; readonly value: string | number | boolean | null }
  | { readonly kind: "template"; readonly parts: readonly TemplatePart[] }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "attribute"; readonly object: Expression; readonly name: string }
  | { readonly kind: "index"; readonly object: Expression; readonly key: Expression }
  | {
      readonly kind: "splat";
      readonly object: Expression;
      /** `[*]` applies to all accesses that follow, `.*` only to attributes. */
      readonly full: boolean;
      /** Accesses that are applied to each element, around a node of kind `element`. */
      readonly each: Expression;
    }
  | { readonly kind: "element" }
  | { readonly kind: "unary"; readonly operator: "-" | "!"; readonly operand: Expression }
  | {
      readonly kind: "binary";
      readonly operator: BinaryOperator;
      readonly left: Expression;
      readonly right: Expression;
    }
  | {
      readonly kind: "conditional";
      readonly condition: Expression;
      readonly whenTrue: Expression;
      readonly whenFalse: Expression;
    }
  | {
      readonly kind: "call";
      readonly name: string;
      readonly arguments: readonly Expression[];
      /** The last argument is followed by `...`, and gives several arguments. */
      readonly expand: boolean;
    }
  | { readonly kind: "tuple"; readonly items: readonly Expression[] }
  | { readonly kind: "object"; readonly items: readonly ObjectItem[] }
  | { readonly kind: "parentheses"; readonly inner: Expression }
  | ForExpression
);

/** `[for k, v in c : value if condition]`, or with `key => value` in braces. */
export interface ForExpression {
  readonly kind: "for";
  readonly keyName: string | undefined;
  readonly valueName: string;
  readonly collection: Expression;
  /** Undefined for a list. */
  readonly key: Expression | undefined;
  readonly value: Expression;
  readonly condition: Expression | undefined;
  /** `value...`: values with the same key are collected in a list. */
  readonly group: boolean;
}

/** Operator between two operands. */
export type BinaryOperator =
  "||" | "&&" | "==" | "!=" | "<" | "<=" | ">" | ">=" | "+" | "-" | "*" | "/" | "%";

/** Part of a text with interpolations and directives. */
export type TemplatePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "interpolation"; readonly expression: Expression }
  | {
      readonly kind: "if";
      readonly condition: Expression;
      readonly whenTrue: readonly TemplatePart[];
      readonly whenFalse: readonly TemplatePart[];
    }
  | {
      readonly kind: "for";
      readonly keyName: string | undefined;
      readonly valueName: string;
      readonly collection: Expression;
      readonly body: readonly TemplatePart[];
    };

/** `name = expression`. */
export interface Attribute {
  readonly kind: "attribute";
  readonly name: Name;
  readonly value: Expression;
}

/** `type "label" { … }`. */
export interface Block {
  readonly kind: "block";
  readonly type: Name;
  readonly labels: readonly Name[];
  readonly body: Body;
  /** The block's header: its type and labels. */
  readonly header: Span;
}

/** Content of a block or a file, in the order of the file. */
export interface Body {
  readonly items: readonly (Attribute | Block)[];
  readonly span: Span;
}
