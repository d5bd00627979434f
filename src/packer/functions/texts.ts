/** Functions of texts. */
import type { Value } from "../model.js";
import { compareTexts, isList } from "../eval/values.js";
import { formatList, formatText } from "./format.js";
import { FunctionError, any, number, text, textFunction, textOf, texts } from "./function.js";
import type { FunctionTable } from "./function.js";
import { graphemes } from "./graphemes.js";

function trimCharacters(value: string, characters: string): string {
  const cut = new Set(characters);
  const letters = Array.from(value);
  const first = letters.findIndex((letter) => !cut.has(letter));
  if (first === -1) return "";
  return letters.slice(first, letters.findLastIndex((letter) => !cut.has(letter)) + 1).join("");
}

/** Cuts a text. A negative offset counts from the end, the length -1 means up to the end. */
function substring(value: string, offset: number, length: number): string {
  const letters = graphemes(value);
  const start = offset < 0 ? Math.max(0, letters.length + offset) : offset;
  return letters.slice(start, length < 0 ? undefined : start + length).join("");
}

/** Makes the first letter of every word a capital, as Go's strings.Title. */
function title(value: string): string {
  return value.replaceAll(/(?<![\p{L}\p{N}_])\p{L}/gu, (letter) => letter.toUpperCase());
}

function joinTexts([separator, ...lists]: readonly Value[]): string {
  const items = lists.flatMap((list) => (isList(list) ? list : []));
  return items
    .map((item) => {
      if (item === null) throw new FunctionError("an element of the list is null");
      return textOf(item);
    })
    .join(textOf(separator));
}

function chomp(value: string): string {
  return value.replace(/(?:\r\n?|\n)+$/, "");
}

function sortTexts(list: Value): Value {
  const items = isList(list) ? list : [];
  if (items.includes(null)) throw new FunctionError("an element of the list is null");
  return items.toSorted((a, b) => compareTexts(textOf(a), textOf(b)));
}

/** Functions of texts by their names in Packer. */
export const TEXT_FUNCTIONS: FunctionTable = {
  chomp: textFunction(["text"], chomp),
  endswith: textFunction(["text", "suffix"], (value = "", suffix = "") => value.endsWith(suffix)),
  format: {
    parameters: [text("format")],
    rest: any("values"),
    opaque: true,
    call: ([pattern, ...values]) => formatText(textOf(pattern), values),
  },
  formatlist: {
    parameters: [text("format")],
    rest: any("values"),
    opaque: true,
    call: ([pattern, ...values]) => formatList(textOf(pattern), values),
  },
  indent: {
    parameters: [number("spaces"), text("text")],
    opaque: true,
    call: ([spaces, value]) =>
      textOf(value).replaceAll(
        "\n",
        `\n${" ".repeat(Math.min(1000, Math.max(0, Number(spaces))))}`,
      ),
  },
  join: { parameters: [text("separator")], rest: texts("lists"), opaque: true, call: joinTexts },
  lower: textFunction(["text"], (value = "") => value.toLowerCase()),
  replace: textFunction(["text", "part", "replacement"], (value = "", part = "", to = "") =>
    value.replaceAll(part, () => to),
  ),
  sort: { parameters: [texts("list")], call: ([list]) => sortTexts(list ?? null) },
  split: textFunction(["separator", "text"], (separator = "", value = "") =>
    separator === "" ? Array.from(value) : value.split(separator),
  ),
  startswith: textFunction(["text", "prefix"], (value = "", prefix = "") =>
    value.startsWith(prefix),
  ),
  strcontains: textFunction(["text", "part"], (value = "", part = "") => value.includes(part)),
  strrev: textFunction(["text"], (value = "") => graphemes(value).toReversed().join("")),
  substr: {
    parameters: [text("text"), number("offset"), number("length")],
    call: ([value, offset, length]) => substring(textOf(value), Number(offset), Number(length)),
  },
  title: textFunction(["text"], (value = "") => title(value)),
  trim: textFunction(["text", "characters"], (value = "", cut = "") => trimCharacters(value, cut)),
  trimprefix: textFunction(["text", "prefix"], (value = "", prefix = "") =>
    value.startsWith(prefix) ? value.slice(prefix.length) : value,
  ),
  trimspace: textFunction(["text"], (value = "") => value.trim()),
  trimsuffix: textFunction(["text", "suffix"], (value = "", suffix = "") =>
    suffix !== "" && value.endsWith(suffix) ? value.slice(0, -suffix.length) : value,
  ),
  upper: textFunction(["text"], (value = "") => value.toUpperCase()),
};
