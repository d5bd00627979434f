/** Text in, a validated template out; every problem listed at once, each with its place. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, relative, resolve } from "node:path";
import type { z } from "zod";
import { VmbuildError, messageOf } from "../errors.js";
import { inputSpec } from "../inputs/definition.js";
import { inputLocation } from "../inputs/inputs.js";
import { inputSchema } from "../inputs/schema.js";
import type { InputSpec } from "../inputs/inputs.js";
import { JsonDocument } from "./document.js";
import type { JsonPath, Problem } from "./document.js";
import { interpolate } from "./interpolate.js";
import { applyOverride, overrideAt } from "./overrides.js";
import type { Override } from "./overrides.js";
import { templateSchema, variableSchema } from "./schema.js";
import type { TemplateValues, VariableDeclaration } from "./schema.js";
import { environmentName, patternProblem, resolveVariables } from "./variables.js";
import type { GivenValue, VariableValue } from "./variables.js";

/** What a user gave beside the template. */
export interface LoadOptions {
  /** In the order given. */
  readonly overrides?: readonly Override[];
  /** `--var NAME=VALUE`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Paths of `--var-file`, in the order given. */
  readonly variableFiles?: readonly string[];
  /** `--input NAME=PATH`. */
  readonly inputs?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/** A template that fits the schema, with its variables put in. */
export interface Template extends TemplateValues {
  /** Absolute. */
  readonly path: string;
  /** What its paths are relative to; absolute. */
  readonly folder: string;
  /** sha256 of the file's text, in hex. */
  readonly digest: string;
  readonly values: ReadonlyMap<string, VariableValue>;
  /** The values of sensitive variables. */
  readonly secrets: readonly string[];
  /** Where each input comes from in this run. */
  readonly inputSpecs: ReadonlyMap<string, InputSpec>;
}

async function readText(path: string, what: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new VmbuildError(
      "TEMPLATE_NOT_FOUND",
      `${what} ${path} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
}

const field = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? (value as Record<string, unknown>)[key]
    : undefined;

/** The declarations that are sound; what is wrong with the others shows when all is parsed. */
function readDeclarations(raw: unknown, problems: Problem[]): Record<string, VariableDeclaration> {
  const declared = field(raw, "variables");
  const declarations: Record<string, VariableDeclaration> = {};
  if (typeof declared !== "object" || declared === null) return declarations;
  for (const [name, value] of Object.entries(declared)) {
    const parsed = variableSchema.safeParse(value);
    if (!parsed.success) continue;
    declarations[name] = parsed.data;
    const message = patternProblem(parsed.data);
    if (message) problems.push({ path: ["variables", name, "pattern"], message });
  }
  return declarations;
}

async function gatherValues(
  declarations: Record<string, VariableDeclaration>,
  options: LoadOptions,
): Promise<Map<string, GivenValue[]>> {
  const given = new Map<string, GivenValue[]>();
  const add = (name: string, value: unknown, source: string): void => {
    given.set(name, [...(given.get(name) ?? []), { value, source }]);
  };
  const environment = options.environment ?? process.env;
  for (const name of Object.keys(declarations)) {
    const value = environment[environmentName(name)];
    if (value !== undefined) add(name, value, environmentName(name));
  }
  for (const file of options.variableFiles ?? []) {
    const document = new JsonDocument(file, await readText(resolve(file), "The variables file"));
    const value = document.value;
    const [syntax] = document.syntaxProblems;
    if (syntax || typeof value !== "object" || value === null || Array.isArray(value)) {
      const message = syntax
        ? document.format(syntax)
        : `${file}: not an object of names and values`;
      throw new VmbuildError("VARIABLE_INVALID", message);
    }
    for (const [name, item] of Object.entries(value)) add(name, item, file);
  }
  for (const [name, value] of Object.entries(options.variables ?? {})) {
    add(name, value, `--var ${name}`);
  }
  return given;
}

/** The inputs that are sound, as they will be found; their strings may name variables only. */
function readInputs(raw: unknown, folder: string, options: LoadOptions): Map<string, InputSpec> {
  const specs = new Map<string, InputSpec>();
  for (const [name, value] of Object.entries(field(raw, "inputs") ?? {})) {
    const override = options.inputs?.[name];
    const environment = options.environment ?? process.env;
    const parsed = inputSchema.safeParse(value);
    if (!parsed.success) continue;
    specs.set(name, inputSpec(parsed.data, { templateFolder: folder, override, environment }));
  }
  return specs;
}

function unrecognized(keys: readonly string[]): string {
  return `unknown key${keys.length > 1 ? "s" : ""} ${keys.map((key) => `"${key}"`).join(", ")}`;
}

/** zod's findings, with the deepest branch of a union standing for it. */
function problemsOf(issues: readonly z.core.$ZodIssue[], prefix: JsonPath = []): Problem[] {
  return issues.flatMap((issue): Problem[] => {
    const path = [...prefix, ...(issue.path as (string | number)[])];
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ path: [...path, key], message: unrecognized([key]) }));
    }
    if (issue.code === "invalid_key") {
      return [{ path, message: issue.issues[0]?.message ?? issue.message }];
    }
    if (issue.code !== "invalid_union") return [{ path, message: issue.message }];
    const branch = closestBranch(issue.errors);
    return branch ? problemsOf(branch, path) : [{ path, message: issue.message }];
  });
}

/** The alternative that a user meant: the one that lacks nothing and knows the most keys. */
function closestBranch(branches: readonly (readonly z.core.$ZodIssue[])[]) {
  const isStrange = (issue: z.core.$ZodIssue): boolean =>
    issue.path.length === 0 || (issue.code === "invalid_type" && issue.input === undefined);
  const scored = branches
    .map((issues) => ({ issues, strange: issues.filter(isStrange).length }))
    .toSorted((a, b) => a.strange - b.strange || a.issues.length - b.issues.length);
  return scored[0]?.strange === 0 ? scored[0].issues : undefined;
}

/**
 * Loads a template from its file.
 * @throws {VmbuildError} TEMPLATE_INVALID or VARIABLE_INVALID, with every problem as a line;
 *   TEMPLATE_NOT_FOUND when it cannot be read.
 */
export async function loadTemplate(path: string, options: LoadOptions = {}): Promise<Template> {
  const text = await readText(path, "The template");
  const folder = dirname(path);
  const shown = relative(process.cwd(), path);
  const document = new JsonDocument(shown.startsWith("..") ? path : shown, text);
  if (document.syntaxProblems.length > 0) throw invalid(document, document.syntaxProblems);

  const overrides = options.overrides ?? [];
  const raw = overrides.reduce<unknown>(applyOverride, document.value);
  const problems: Problem[] = [];
  const declarations = readDeclarations(raw, problems);
  const given = await gatherValues(declarations, options);
  const variables = resolveVariables(declarations, given);

  const known = {
    variables: Object.keys(declarations),
    inputs: Object.keys(field(raw, "inputs") ?? {}),
  };
  const textOf = (key: string): string | undefined => {
    const value = field(raw, key);
    return typeof value === "string" ? value : undefined;
  };
  const variable = (name: string): VariableValue | undefined =>
    // One that has a problem of its own is not reported a second time where it is used.
    variables.values.get(name) ?? (Object.hasOwn(declarations, name) ? "" : undefined);
  const references = {
    name: textOf("name"),
    version: textOf("version") ?? "0.0.0",
    variable,
    known,
  };

  const unreported: Problem[] = [];
  const noInputs = { ...references, input: () => undefined };
  const rawInputs = interpolate(field(raw, "inputs") ?? {}, ["inputs"], noInputs, unreported);
  const inputSpecs = readInputs({ inputs: rawInputs }, folder, options);
  const input = (name: string): string | undefined => {
    const spec = inputSpecs.get(name);
    if (spec) return inputLocation(spec);
    return known.inputs.includes(name) ? "" : undefined;
  };

  const { variables: declared, ...rest } = (raw ?? {}) as Record<string, unknown>;
  const interpolated = interpolate(
    withDefaultDirectory(rest),
    [],
    { ...references, input },
    problems,
  );
  const whole =
    declared === undefined ? interpolated : { ...(interpolated as object), variables: declared };
  const parsed = templateSchema.safeParse(typeof raw === "object" ? whole : raw, {
    reportInput: true,
  });
  if (!parsed.success) problems.push(...problemsOf(parsed.error.issues));

  for (const name of Object.keys(options.inputs ?? {})) {
    if (known.inputs.includes(name)) continue;
    const message = `the template declares no input "${name}"; it declares ${known.inputs.join(", ") || "none"}`;
    problems.push({ path: ["inputs"], message, source: `--input ${name}` });
  }
  const located = problems.map((problem) => ({
    ...problem,
    source: problem.source ?? overrideAt(overrides, problem.path)?.source,
  }));
  const lines = located.map((problem) => document.format(definedOf(problem)));
  const variableLines = variables.problems.map(({ source, message }) => `${source}: ${message}`);
  if (!parsed.success || lines.length > 0 || variableLines.length > 0) {
    throw invalid(document, [], [...lines, ...variableLines], lines.length === 0);
  }
  const secrets = Object.entries(declarations)
    .filter(([, declaration]) => declaration.sensitive)
    .map(([name]) => String(variables.values.get(name) ?? ""));
  const digest = createHash("sha256").update(text).digest("hex");
  return { ...parsed.data, path, folder, digest, values: variables.values, secrets, inputSpecs };
}

/** The default folder has a reference in it, so it must be there before references are replaced. */
function withDefaultDirectory(raw: Record<string, unknown>): Record<string, unknown> {
  const output = raw["output"] ?? {};
  if (typeof output !== "object" || Array.isArray(output)) return raw;
  return { ...raw, output: { directory: "output/${name}", ...output } };
}

function definedOf(problem: Omit<Problem, "source"> & { source?: string | undefined }): Problem {
  const { source, ...rest } = problem;
  return source === undefined ? rest : { ...rest, source };
}

function invalid(
  document: JsonDocument,
  problems: readonly Problem[],
  lines: readonly string[] = problems.map((problem) => document.format(problem)),
  onlyVariables = false,
): VmbuildError {
  const count = lines.length === 1 ? "a problem" : `${lines.length} problems`;
  const code = onlyVariables ? "VARIABLE_INVALID" : "TEMPLATE_INVALID";
  return new VmbuildError(code, `${document.file} has ${count}`, { lines });
}
