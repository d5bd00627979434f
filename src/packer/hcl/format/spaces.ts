/** Decides where a space is put between two tokens of a line, as hclfmt does. */
import type { Token, TokenKind } from "./token.js";

const OPENING: readonly TokenKind[] = ["openBrace", "openBracket", "openParen", "openTemplate"];
const CLOSING: readonly TokenKind[] = ["closeBrace", "closeBracket", "closeParen", "closeTemplate"];

/** Returns 1 for a token that opens brackets, -1 for one that closes them, else 0. */
export function bracketChange({ kind }: Pick<Token, "kind">): number {
  return Number(OPENING.includes(kind)) - Number(CLOSING.includes(kind));
}

/** Tokens after which a minus is a sign and no operator. */
const BEFORE_SIGN: readonly TokenKind[] = [
  "openParen",
  "openBrace",
  "openBracket",
  "equal",
  "colon",
  "comma",
  "question",
  "operator",
  "minus",
  "comparison",
  "and",
  "or",
  "bang",
];

/** Tokens of templates: nothing is added after the first ones and before the second ones. */
const TEXT_BEFORE: readonly TokenKind[] = ["literal", "openQuote", "openHeredoc"];
const TEXT_AFTER: readonly TokenKind[] = ["literal", "closeQuote", "closeHeredoc"];

/** Returns whether two tokens belong together in any case; undefined if other rules decide. */
function joins(subject: Token, before: Token | undefined, after: Token): boolean | undefined {
  const [from, to] = [subject.kind, after.kind];
  if (to === "newline") return true;
  if (from === "identifier" && (to === "openParen" || to === "doubleColon")) return true;
  if (from === "doubleColon" && to === "identifier") return true;
  if (from === "dot" || to === "dot" || to === "comma" || to === "ellipsis") return true;
  if (from === "comma") return false;
  if (TEXT_BEFORE.includes(from) || TEXT_AFTER.includes(to)) return true;
  // `[for x in [a]: x]`: the keyword, and not an index of a variable.
  if (from === "identifier" && subject.text === "in" && before?.kind === "identifier") return false;
  if (to === "openBracket") {
    const isIndex = from === "identifier" || from === "number" || bracketChange(subject) < 0;
    if (isIndex) return true;
  }
  if (from === "bang") return true;
  if (from === "minus") return before === undefined || BEFORE_SIGN.includes(before.kind);
  return undefined;
}

/** Returns whether a space follows a token; `before` is the one before it in the same part. */
export function hasSpaceAfter(subject: Token, before: Token | undefined, after: Token): boolean {
  const joined = joins(subject, before, after);
  if (joined !== undefined) return !joined;
  const [from, to] = [subject.kind, after.kind];
  // Braces have spaces inside, unless they are empty.
  if (from === "openBrace" || to === "closeBrace") {
    return !(from === "openBrace" && to === "closeBrace");
  }
  if (from === "openTemplate" && to === "openBrace") return true;
  if (from === "closeBrace" && to === "closeTemplate") return true;
  if (from === "closeTemplate" && to === "openTemplate") return false;
  return bracketChange(subject) <= 0 && bracketChange(after) >= 0;
}
