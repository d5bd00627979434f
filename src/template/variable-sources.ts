/** Collects the values of a template's variables from every source. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { VmbuildError, messageOf } from "../errors.js";
import { decodeText } from "../host/text.js";
import { JsonDocument } from "./document.js";
import { environmentName } from "./variables.js";
import type { GivenValue } from "./variables.js";

/** Sources of values besides the template. */
export interface ValueSources {
  /** Values of `--var NAME=VALUE`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Value of `--release`: that of the variable `release`. */
  readonly release?: string | undefined;
  /** Whether `--create-patches` is given: the variable `create_patches` is true. */
  readonly createPatches?: boolean | undefined;
  /** Paths of `--var-file`, in the given order. */
  readonly variableFiles?: readonly string[];
  /** Environment for `VMBUILD_VAR_<name>`; that of the process by default. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** Variable whose value `--release` gives. */
const RELEASE = "release";

/** Variable that `--create-patches` sets to true. */
export const CREATE_PATCHES = "create_patches";

/** Text of a file, and its digest. */
export interface TextFile {
  readonly text: string;
  /** SHA-256 of the file's bytes, in hexadecimal. */
  readonly digest: string;
}

/**
 * Reads a text file in UTF-8 or UTF-16, with or without a byte order mark.
 * @param what begins the error message.
 * @param code the error code for a text that cannot be decoded.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND or `code`.
 */
export async function readTextFile(
  path: string,
  what: string,
  code: "TEMPLATE_INVALID" | "VARIABLE_INVALID",
): Promise<TextFile> {
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
  const { text } = await readTextFile(resolve(file), "The variables file", code);
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
 * Returns all values by name, the source with the highest precedence last: environment,
 * `--var-file`, `--var`, `--release` and `--create-patches`. Only declared names are read from the environment.
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
  if (sources.release !== undefined) add(RELEASE, sources.release, "--release");
  if (sources.createPatches) add(CREATE_PATCHES, true, "--create-patches");
  return given;
}
