/** `format` and `formatlist`: verbs as in Go's fmt, with the limits that HCL sets. */
import { convertToBool, convertToNumber, convertToString } from "../eval/convert.js";
import { isList, numberText } from "../eval/values.js";
import type { Value } from "../model.js";
import { FunctionError } from "./function.js";
import { jsonText } from "./json-text.js";
import { graphemes } from "./graphemes.js";

interface Verb {
  readonly raw: string;
  readonly flags: string;
  readonly width: number;
  readonly precision: number | undefined;
  readonly mode: string;
}

const VERB =
  /%(?:%|(?<flags>[ +\-0#]*)(?<width>\d*)(?:\.(?<precision>\d+))?(?:\[(?<index>\d+)\])?(?<mode>.)?)/gsu;
/** Widest field and longest precision. */
const MAX_WIDTH = 10_000;

/** Formats values. Throws a FunctionError, or a ConversionError for a value of the wrong type. */
export function formatText(pattern: string, values: readonly Value[]): string {
  let next = 1;
  let highest = 0;
  let result = "";
  let position = 0;
  for (const match of pattern.matchAll(VERB)) {
    const [raw] = match;
    result += pattern.slice(position, match.index);
    position = match.index + raw.length;
    if (raw === "%%") {
      result += "%";
      continue;
    }
    const { index } = match.groups ?? {};
    const number = index === undefined ? next : Number(index);
    next = number + 1;
    highest = Math.max(highest, number);
    const value = values[number - 1];
    if (value === undefined) {
      throw new FunctionError(`"${raw}" needs value ${number}, but ${values.length} are given`);
    }
    result += formatValue(verbOf(raw, match.groups ?? {}), value);
  }
  if (highest < values.length) {
    throw new FunctionError(`${values.length} values are given, but ${highest} are used`);
  }
  return result + pattern.slice(position);
}

function verbOf(raw: string, groups: Readonly<Record<string, string | undefined>>): Verb {
  const { flags = "", width = "", precision, mode = "" } = groups;
  return {
    raw,
    flags,
    width: Math.min(MAX_WIDTH, Number(width)),
    precision: precision === undefined ? undefined : Math.min(MAX_WIDTH, Number(precision)),
    mode,
  };
}

/** Formats for each element of the lists; values that are no lists are used each time. */
export function formatList(pattern: string, values: readonly Value[]): Value {
  const lengths = new Set(values.filter(isList).map((list) => list.length));
  if (lengths.size > 1) throw new FunctionError("the lists differ in length");
  const [length = 1] = lengths;
  return Array.from({ length }, (_, index) =>
    formatText(
      pattern,
      values.map((value) => (isList(value) ? (value[index] ?? null) : value)),
    ),
  );
}

function formatValue(verb: Verb, value: Value): string {
  const { mode, raw } = verb;
  if (mode === "v") return pad(verb, plainText(verb, value));
  if (value === null) throw new FunctionError(`null cannot be formatted by "${raw}"`);
  switch (mode) {
    case "t":
      return String(convertToBool(value));
    case "s":
    case "q": {
      const whole = convertToString(value);
      const { precision } = verb;
      const text = precision === undefined ? whole : graphemes(whole).slice(0, precision).join("");
      return pad(verb, mode === "q" ? jsonText(text) : text);
    }
    case "b":
    case "d":
    case "o":
    case "x":
    case "X":
      return formatInteger(verb, convertToNumber(value));
    case "e":
    case "E":
    case "f":
    case "g":
    case "G":
      return formatFloat(verb, convertToNumber(value));
    default:
      throw new FunctionError(`"${raw}" is not a verb of format(…)`);
  }
}

function plainText({ flags }: Verb, value: Value): string {
  if (!flags.includes("#")) {
    if (typeof value === "string") return value;
    if (typeof value === "number") return generalText(value, undefined);
  }
  return jsonText(value);
}

const RADIX: Readonly<Record<string, number>> = { b: 2, d: 10, o: 8, x: 16, X: 16 };

function formatInteger(verb: Verb, value: number): string {
  if (!Number.isInteger(value)) throw new FunctionError(`"${verb.raw}" needs a whole number`);
  const { mode, precision = 0 } = verb;
  let digits = BigInt(Math.abs(value))
    .toString(RADIX[mode] ?? 10)
    .padStart(precision, "0");
  if (mode === "X") digits = digits.toUpperCase();
  if (verb.flags.includes("#"))
    digits = `${{ x: "0x", X: "0X", o: "0", b: "0b" }[mode] ?? ""}${digits}`;
  return signed(verb, value, digits);
}

function formatFloat(verb: Verb, value: number): string {
  const { mode, precision } = verb;
  const size = Math.abs(value);
  let digits: string;
  if (mode === "f") digits = fixedText(size, precision ?? 6);
  else if (mode === "e" || mode === "E") digits = exponentText(size, precision ?? 6);
  else digits = generalText(size, precision);
  return signed(verb, value, mode === "E" || mode === "G" ? digits.toUpperCase() : digits);
}

function fixedText(value: number, precision: number): string {
  if (value >= 1e21) return numberText(value);
  return value.toFixed(Math.min(100, precision)).padEnd(precision, "0");
}

/** Exponent of at least two digits, as in C. */
function exponentText(value: number, precision: number | undefined): string {
  return value
    .toExponential(precision === undefined ? undefined : Math.min(100, precision))
    .replace(/e([+-])(\d)$/, "e$10$2");
}

/**
 * %g: the shortest text, with an exponent where that is below -4, or not below the precision, which
 * counts as 6 if none is given, as in Go.
 */
function generalText(value: number, precision: number | undefined): string {
  if (value === 0) return "0";
  const exponent = Number(value.toExponential().split("e")[1] ?? 0);
  const limit = precision === undefined ? 6 : Math.max(1, precision);
  if (exponent < -4 || exponent >= limit) {
    const text = exponentText(value, precision === undefined ? undefined : Math.max(0, limit - 1));
    return text.replace(/\.?0+e/, "e");
  }
  if (precision === undefined) return numberText(value);
  return numberText(Number(value.toPrecision(Math.min(100, limit))));
}

function signed(verb: Verb, value: number, digits: string): string {
  const { flags, width } = verb;
  const sign = value < 0 ? "-" : flags.includes("+") ? "+" : flags.includes(" ") ? " " : "";
  if (flags.includes("0") && !flags.includes("-")) {
    return sign + digits.padStart(width - sign.length, "0");
  }
  return pad({ ...verb, flags: flags.replaceAll("0", "") }, sign + digits);
}

function pad({ flags, width }: Verb, text: string): string {
  const missing = width - graphemes(text).length;
  if (missing <= 0) return text;
  const fill = (flags.includes("0") ? "0" : " ").repeat(missing);
  return flags.includes("-") ? text + fill : fill + text;
}
