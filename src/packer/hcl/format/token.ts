/** Defines the tokens of the formatter. */

/** Kinds of tokens, as far as the formatter distinguishes them. */
export type TokenKind =
  | "and"
  | "bang"
  | "closeBrace"
  | "closeBracket"
  | "closeHeredoc"
  | "closeParen"
  | "closeQuote"
  | "closeTemplate"
  | "colon"
  | "comma"
  | "comment"
  | "comparison"
  | "dot"
  | "doubleColon"
  | "ellipsis"
  | "equal"
  | "identifier"
  | "literal"
  | "minus"
  | "newline"
  | "number"
  | "openBrace"
  | "openBracket"
  | "openHeredoc"
  | "openParen"
  | "openQuote"
  | "openTemplate"
  | "operator"
  | "or"
  | "other"
  | "question";

/** Token with the number of spaces before it, which the formatter sets. */
export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  spaces: number;
}

/** Kinds of the operators and brackets; longer ones first. */
export const SYMBOLS: readonly (readonly [string, TokenKind])[] = [
  ["...", "ellipsis"],
  ["==", "comparison"],
  ["!=", "comparison"],
  [">=", "comparison"],
  ["<=", "comparison"],
  ["=>", "other"],
  ["&&", "and"],
  ["||", "or"],
  ["::", "doubleColon"],
  ["{", "openBrace"],
  ["}", "closeBrace"],
  ["[", "openBracket"],
  ["]", "closeBracket"],
  ["(", "openParen"],
  [")", "closeParen"],
  [",", "comma"],
  [".", "dot"],
  ["=", "equal"],
  [":", "colon"],
  ["?", "question"],
  ["!", "bang"],
  ["-", "minus"],
  ["+", "operator"],
  ["*", "operator"],
  ["/", "operator"],
  ["%", "operator"],
  [">", "comparison"],
  ["<", "comparison"],
];
