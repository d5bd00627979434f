/** The values that a user gave for a template's variables, from every source. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { VmbuildError, messageOf } from "../errors.js";
import { decodeText } from "../host/text.js";
import { JsonDocument } from "./document.js";
import { environmentName } from "./variables.js";
import type { GivenValue } from "./variables.js";

/** Where values can come from beside the template. */
export interface ValueSources {
  /** `--var NAME=VALUE`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Paths of `--var-file`, in the order given. */
  readonly variableFiles?: readonly string[];
  /** Where `VMBUILD_VAR_<name>` is looked up; the process's own by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A file that was read. */
export interface ReadText {
  readonly text: string;
  /** sha256 of the file as it is, in hex. */
  readonly digest: string;
}

/**
 * Reads a file's text, in UTF-8 or UTF-16, with or without a byte order mark.
 * @param what begins the message of an error.
 * @param code of the error for a text that is not understood.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND or `code`.
 */
export async function readText(
  path: string,
  what: string,
  code: "TEMPLATE_INVALID" | "VARIABLE_INVALID",
): Promise<ReadText> {
  const bytes = await readBytes(path, what);
  const decoded = decodeText(bytes);
  if ("text" in decoded) {
    return { text: decoded.text, digest: createHash("sha256").update(bytes).digest("hex") };
  }
  throw new VmbuildError(code, `${what} ${path} ${decoded.problem}`, {
    hint: "Save it as UTF-8.",
  });
}

async function readBytes(path: string, what: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new VmbuildError(
      "TEMPLATE_NOT_FOUND",
      `${what} ${path} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
}

async function readVariablesFile(file: string): Promise<[string, unknown, string | undefined][]> {
  const code = "VARIABLE_INVALID";
  const { text } = await readText(resolve(file), "The variables file", code);
  const document = new JsonDocument(file, text);
  const [syntax] = document.syntaxProblems;
  if (syntax) throw new VmbuildError("VARIABLE_INVALID", document.format(syntax));
  const { value } = document;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new VmbuildError("VARIABLE_INVALID", `${file} is not a JSON object of names and values`);
  }
  return Object.entries(value).map(([name, item]: [string, unknown]) => [
    name,
    item,
    typeof item === "number" ? document.sourceOf([name]) : undefined,
  ]);
}

/**
 * All values by name, the strongest source last: environment, `--var-file`, `--var`. Of the
 * environment only declared names are read, since it is full of other things.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND or VARIABLE_INVALID for a file of values.
 */
export async function gatherValues(
  declared: readonly string[],
  sources: ValueSources,
): Promise<Map<string, GivenValue[]>> {
  const given = new Map<string, GivenValue[]>();
  const add = (name: string, value: unknown, source: string, text?: string): void => {
    const one = { value, source, ...(text === undefined ? {} : { text }) };
    given.set(name, [...(given.get(name) ?? []), one]);
  };
  const environment = sources.environment ?? process.env;
  for (const name of declared) {
    const value = environment[environmentName(name)];
    if (value !== undefined) add(name, value, environmentName(name));
  }
  for (const file of sources.variableFiles ?? []) {
    for (const [name, value, text] of await readVariablesFile(file)) add(name, value, file, text);
  }
  for (const [name, value] of Object.entries(sources.variables ?? {})) {
    add(name, value, `--var ${name}`);
  }
  return given;
}
