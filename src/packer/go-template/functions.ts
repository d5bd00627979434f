/** Functions of Packer's Go templates, and those of text/template. */
import { randomUUID } from "node:crypto";
import { formatText } from "../functions/format.js";
import { formatGoLayout, formatStrftime, rfc3339 } from "../functions/go-time.js";
import { messageOf } from "../../errors.js";
import type { Value } from "../model.js";
import { isTrue, textOf } from "./evaluate.js";
import type { GoFunction, GoValue } from "./evaluate.js";
import { GoTemplateError } from "./syntax.js";

/** What the functions know. A function whose data is missing does not exist. */
export interface GoTemplateData {
  /** Fields such as `{{ .HTTPIP }}`. */
  readonly fields?: { readonly [name: string]: GoValue } | undefined;
  /** Values of ``{{ build `ID` }}``. */
  readonly build?: Readonly<Record<string, string>> | undefined;
  /** Values of ``{{ user `name` }}``; one that is missing is an empty text. */
  readonly user?: ((name: string) => string) | undefined;
  /** Values of ``{{ env `NAME` }}``. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  readonly buildName?: string | undefined;
  readonly buildType?: string | undefined;
  /** Absolute path of the template's folder. */
  readonly templateFolder?: string | undefined;
  /** Absolute path of the current folder. */
  readonly cwd?: string | undefined;
  readonly now?: Date | undefined;
  readonly packerVersion?: string | undefined;
}

function text(value: GoValue | undefined): string {
  return value === undefined ? "" : textOf(value);
}

/** Returns the functions that the data allows. */
export function goFunctions(data: GoTemplateData): Map<string, GoFunction> {
  const functions = new Map<string, GoFunction>(Object.entries(GENERAL));
  const { user, build, environment, now } = data;
  if (user) functions.set("user", (name) => user(text(name)));
  if (build) functions.set("build", (name) => buildValue(build, text(name)));
  if (environment) functions.set("env", (name) => environment[text(name)] ?? "");
  addConstant(functions, "build_name", data.buildName);
  addConstant(functions, "build_type", data.buildType);
  addConstant(functions, "template_dir", data.templateFolder);
  addConstant(functions, "pwd", data.cwd);
  addConstant(functions, "packer_version", data.packerVersion);
  if (now) addTimes(functions, now);
  return functions;
}

function addConstant(functions: Map<string, GoFunction>, name: string, value?: string): void {
  if (value !== undefined) functions.set(name, () => value);
}

function addTimes(functions: Map<string, GoFunction>, now: Date): void {
  const moment = { time: now.getTime(), offset: 0 };
  functions.set("timestamp", () => String(Math.floor(moment.time / 1000)));
  functions.set("isotime", (layout) =>
    layout === undefined ? rfc3339(moment) : formatGoLayout(text(layout), moment),
  );
  functions.set("strftime", (pattern) => formatStrftime(text(pattern), moment));
}

function buildValue(build: Readonly<Record<string, string>>, name: string): string {
  const value = Object.hasOwn(build, name) ? build[name] : undefined;
  if (value !== undefined) return value;
  const known = Object.keys(build).join(", ");
  throw new GoTemplateError(`"{{ build \`${name}\` }}" is not known here: known are ${known}.`);
}

function splitPart(value: GoValue, separator: GoValue, index: GoValue): string {
  const parts = text(value).split(text(separator));
  const part = parts[Number(index)];
  if (part !== undefined) return part;
  throw new GoTemplateError(
    `"split" has no part ${text(index)}: "${text(value)}" has ${parts.length} parts.`,
  );
}

/** Replaces the first parts of a text; all of them for a negative count. */
function replaceSome(old: string, to: string, count: number, source: string): string {
  if (count < 0) return source.replaceAll(old, () => to);
  let result = source;
  let position = 0;
  for (let index = 0; index < count; index += 1) {
    const found = result.indexOf(old, position);
    if (found === -1) break;
    result = result.slice(0, found) + to + result.slice(found + old.length);
    position = found + to.length;
  }
  return result;
}

/** Replaces what is not allowed in a name, as builders of clouds do. */
function cleanResourceName(value: string): string {
  return value.replaceAll(/[^\w-]/g, "-");
}

function compare(a: GoValue, b: GoValue): number {
  if (typeof a === "number" && typeof b === "number") return a - b;
  const [from, to] = [text(a), text(b)];
  return from === to ? 0 : from < to ? -1 : 1;
}

function isEqual(first: GoValue, ...others: GoValue[]): boolean {
  return others.some((other) => typeof other === typeof first && compare(first, other) === 0);
}

function index(collection: GoValue, ...keys: GoValue[]): GoValue {
  let current = collection;
  for (const key of keys) {
    if (typeof current !== "object" || current === null) {
      throw new GoTemplateError('"index" needs a list or a map.');
    }
    const entries = current as Readonly<Record<string, GoValue>>;
    const name = text(key);
    current = Object.hasOwn(entries, name) ? (entries[name] ?? null) : null;
  }
  return current;
}

function length(value: GoValue): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  return typeof value === "object" && value !== null ? Object.keys(value).length : 0;
}

function print(values: readonly GoValue[]): string {
  // As in Go, a space is added between values of which neither is a text.
  return values
    .map((value, position) => {
      const before = values[position - 1];
      const spaced =
        before !== undefined && typeof before !== "string" && typeof value !== "string";
      return (spaced ? " " : "") + text(value);
    })
    .join("");
}

function printFormat(pattern: GoValue, ...values: GoValue[]): string {
  try {
    return formatText(text(pattern), values as readonly Value[]);
  } catch (error) {
    throw new GoTemplateError(`"printf" failed: ${messageOf(error)}.`);
  }
}

function refuse(name: string): GoFunction {
  return () => {
    throw new GoTemplateError(
      `"${name}" is not supported: vmbuild does not read secret stores. Give the value as a sensitive variable.`,
    );
  };
}

/** Functions that need no data. */
const GENERAL: Readonly<Record<string, GoFunction>> = {
  // text/template
  and: (...values) => values.find((value) => !isTrue(value)) ?? values.at(-1) ?? null,
  or: (...values) => values.find((value) => isTrue(value)) ?? values.at(-1) ?? null,
  not: (value) => !isTrue(value ?? null),
  eq: (first, ...others) => isEqual(first ?? null, ...others),
  ne: (first, other) => !isEqual(first ?? null, other ?? null),
  lt: (a, b) => compare(a ?? null, b ?? null) < 0,
  le: (a, b) => compare(a ?? null, b ?? null) <= 0,
  gt: (a, b) => compare(a ?? null, b ?? null) > 0,
  ge: (a, b) => compare(a ?? null, b ?? null) >= 0,
  index: (collection, ...keys) => index(collection ?? null, ...keys),
  len: (value) => length(value ?? null),
  print: (...values) => print(values),
  printf: (pattern, ...values) => printFormat(pattern ?? "", ...values),
  println: (...values) => `${values.map((value) => text(value)).join(" ")}\n`,
  urlquery: (...values) =>
    encodeURIComponent(Buffer.from(print(values)).toString()).replaceAll("%20", "+"),
  // Packer
  clean_resource_name: (value) => cleanResourceName(text(value)),
  lower: (value) => text(value).toLowerCase(),
  replace: (old, to, count, source) =>
    replaceSome(text(old), text(to), Number(count), text(source)),
  replace_all: (old, to, source) => text(source).replaceAll(text(old), () => text(to)),
  split: (value, separator, part) => splitPart(value ?? "", separator ?? "", part ?? 0),
  upper: (value) => text(value).toUpperCase(),
  uuid: () => randomUUID(),
  aws_secretsmanager: refuse("aws_secretsmanager"),
  aws_secretsmanager_raw: refuse("aws_secretsmanager_raw"),
  consul_key: refuse("consul_key"),
  vault: refuse("vault"),
};
