/** Splits the inside of `{{ … }}` into words. */
import { GoTemplateError } from "./syntax.js";

/** Word of an action. Texts and numbers have their value already. */
export type Word =
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "name" | "field" | "variable" | "symbol"; readonly value: string }
  | { readonly kind: "space" };

const WORD =
  /(?<space>\s+)|"(?<quoted>(?:[^"\\\n]|\\.)*)"|`(?<raw>[^`]*)`|'(?<character>(?:[^'\\]|\\.)+)'|(?<number>[+-]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))|(?<field>(?:\.[\p{L}_][\p{L}\p{N}_]*)+)|(?<variable>\$[\p{L}\p{N}_]*)|(?<name>[\p{L}_][\p{L}\p{N}_]*)|(?<symbol>:=|[|().=,])|(?<comment>\/\*[^]*?\*\/)/uy;

/** Splits an action. Throws a GoTemplateError for what is no word. */
export function splitWords(action: string): Word[] {
  const words: Word[] = [];
  WORD.lastIndex = 0;
  while (WORD.lastIndex < action.length) {
    const match = WORD.exec(action);
    if (!match)
      throw new GoTemplateError(`"{{${action}}}" is not a valid action of a Go template.`);
    const word = wordOf(match.groups ?? {});
    if (word) words.push(word);
  }
  return words;
}

function wordOf(groups: Readonly<Record<string, string | undefined>>): Word | undefined {
  const { space, quoted, raw, character, number } = groups;
  if (space !== undefined) return { kind: "space" };
  if (quoted !== undefined) return { kind: "text", value: unescape(quoted) };
  if (raw !== undefined) return { kind: "text", value: raw };
  if (character !== undefined) {
    return { kind: "number", value: unescape(character).codePointAt(0) ?? 0 };
  }
  if (number !== undefined) return { kind: "number", value: Number(number) };
  for (const kind of ["field", "variable", "name", "symbol"] as const) {
    const value = groups[kind];
    if (value !== undefined) return { kind, value };
  }
  return undefined;
}

const ESCAPES: Readonly<Record<string, string>> = {
  a: "\u0007",
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** Replaces the escapes of Go's quoted texts. */
function unescape(text: string): string {
  return text.replaceAll(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gsu,
    (raw, ...groups: (string | undefined)[]) => {
      const [short, medium, long, octal, letter] = groups;
      const code = short ?? medium ?? long;
      if (code !== undefined) return characterOf(Number.parseInt(code, 16), raw);
      if (octal !== undefined) return characterOf(Number.parseInt(octal, 8), raw);
      return ESCAPES[letter ?? ""] ?? letter ?? raw;
    },
  );
}

function characterOf(code: number, raw: string): string {
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : raw;
}
