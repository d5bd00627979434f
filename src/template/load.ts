/** Loads and validates a template. All problems are reported at once, each with its place. */
import { dirname } from "node:path";
import { VmbuildError } from "../errors.js";
import { relativeToCurrent } from "../host/current-folder.js";
import type { InputSpec } from "../inputs/inputs.js";
import type { ConvertedOption } from "./converted-option.js";
import { JsonDocument, valueAt } from "./document.js";
import type { Problem, TemplateDocument } from "./document.js";
import { gatherValues, readTextFile } from "./variable-sources.js";
import type { ValueSources } from "./variable-sources.js";
import { seedSecrets } from "../seed/registry.js";
import { applyOverride, overrideAt } from "./overrides.js";
import type { Override } from "./overrides.js";
import { problemsOf } from "./problems.js";
import { interpretOverrides } from "./override-values.js";
import { secretsInArguments } from "./sensitive.js";
import { templateSchema, variableSchema } from "./schema.js";
import type { TemplateValues, VariableDeclaration } from "./schema.js";
import { isObject, resolveReferences } from "./resolve.js";
import { patternProblem, resolveVariables } from "./variables.js";
import type { VariableValue } from "./variables.js";

/** Values that a user gives besides the template. */
export interface LoadOptions extends ValueSources {
  /** Overrides in the given order. */
  readonly overrides?: readonly Override[];
  /** Values of `--input NAME=PATH`. */
  readonly inputs?: Readonly<Record<string, string>>;
}

/** Validated template with its variables filled in. */
export interface Template extends TemplateValues {
  /** Absolute. */
  readonly path: string;
  /** Folder to which its paths are relative; absolute. */
  readonly folder: string;
  /** SHA-256 of the file, in hexadecimal. */
  readonly digest: string;
  readonly values: ReadonlyMap<string, VariableValue>;
  /** What became of the options of the Packer template that it was made from. */
  readonly packer?: readonly ConvertedOption[];
  /** Values of sensitive variables. */
  readonly secrets: readonly string[];
  /** Source of each input in this run. */
  readonly inputSpecs: ReadonlyMap<string, InputSpec>;
  /**
   * Formats a problem as a line of text: its place in the file, or the option that it came from,
   * and the message.
   */
  readonly describeProblem: (problem: Problem) => string;
}

/**
 * Returns the valid declarations. Problems of the others are reported when the whole template is
 * parsed.
 */
function readDeclarations(raw: unknown): {
  declarations: Record<string, VariableDeclaration>;
  problems: Problem[];
} {
  const declared = isObject(raw) ? raw["variables"] : undefined;
  const declarations: Record<string, VariableDeclaration> = {};
  const problems: Problem[] = [];
  for (const [name, value] of Object.entries(isObject(declared) ? declared : {})) {
    const parsed = variableSchema.safeParse(value);
    if (!parsed.success) continue;
    declarations[name] = parsed.data;
    const message = patternProblem(parsed.data);
    if (message) problems.push({ path: ["variables", name, "pattern"], message });
  }
  return { declarations, problems };
}

/**
 * Returns whether a text refers to a variable without a value, which is reported once at the
 * variable.
 */
function usesAny(text: unknown, variables: readonly string[]): boolean {
  return typeof text === "string" && variables.some((name) => text.includes(`\${var.${name}}`));
}

async function openDocument(path: string): Promise<{ document: JsonDocument; digest: string }> {
  const { text, digest } = await readTextFile(path, "The template", "TEMPLATE_INVALID");
  const shown = relativeToCurrent(path);
  const document = new JsonDocument(shown.startsWith("..") ? path : shown, text);
  const lines = document.syntaxProblems.map((problem) => document.format(problem));
  if (lines.length > 0) throw invalid(document, "TEMPLATE_INVALID", lines);
  return { document, digest };
}

/**
 * Returns a function that formats problems and names the option that a value came from, if it is
 * not from the file.
 */
function problemFormatter(document: TemplateDocument, overrides: readonly Override[]) {
  return (problem: Problem): string => {
    const source = problem.source ?? overrideAt(overrides, problem.path)?.source;
    return document.format(source === undefined ? problem : { ...problem, source });
  };
}

function invalid(
  document: Pick<TemplateDocument, "file">,
  code: "TEMPLATE_INVALID" | "VARIABLE_INVALID",
  lines: readonly string[],
): VmbuildError {
  const count = lines.length === 1 ? "a problem" : `${lines.length} problems`;
  return new VmbuildError(code, `${document.file} has ${count}`, { lines });
}

/** Fills in overrides and variables, and returns the template with all problems. */
async function interpret(
  document: TemplateDocument,
  folder: string,
  overrides: readonly Override[],
  options: LoadOptions,
) {
  const { inputs = {}, environment = process.env } = options;
  const raw = overrides.reduce<unknown>(applyOverride, document.value);
  const { declarations, problems } = readDeclarations(raw);
  const declared = Object.keys(declarations);
  const variables = resolveVariables(declarations, await gatherValues(declared, options));
  const { values } = variables;
  const settled = isObject(raw)
    ? resolveReferences(raw, { folder, declared, values, inputs, environment })
    : { value: raw, inputSpecs: new Map<string, InputSpec>(), problems: [] };
  const parsed = templateSchema.safeParse(settled.value, { reportInput: true });
  const problemsBefore = [...problems, ...settled.problems];
  return { raw, declarations, declared, variables, settled, parsed, problemsBefore };
}

/**
 * Loads a template from its file.
 * @throws {VmbuildError} TEMPLATE_INVALID or VARIABLE_INVALID, with every problem as a line;
 *   TEMPLATE_NOT_FOUND when it cannot be read; USAGE for an override of a place that cannot exist.
 */
export async function loadTemplate(path: string, options: LoadOptions = {}): Promise<Template> {
  const { document, digest } = await openDocument(path);
  return loadDocument(document, { path, folder: dirname(path), digest }, options);
}

/**
 * Loads a template from a document.
 * @param file where it is from: its path, the folder of its paths, and its SHA-256.
 * @throws {VmbuildError} as {@link loadTemplate}.
 */
export async function loadDocument(
  document: TemplateDocument,
  file: Pick<Template, "path" | "folder" | "digest">,
  options: LoadOptions = {},
): Promise<Template> {
  const { path, folder, digest } = file;
  const overrides = await interpretOverrides(
    document.value,
    options.overrides ?? [],
    async (readings) => {
      const { parsed } = await interpret(document, folder, readings, options);
      return parsed.error?.issues ?? [];
    },
  );
  const describeProblem = problemFormatter(document, overrides);
  const { raw, declarations, declared, variables, settled, parsed, problemsBefore } =
    await interpret(document, folder, overrides, options);
  const { values } = variables;
  const unset = declared.filter((name) => !values.has(name));
  const found = problemsOf(parsed.error?.issues ?? []).filter(
    ({ path }) => !usesAny(valueAt(raw, path), unset),
  );
  const sensitive = declared.filter((name) => declarations[name]?.sensitive);
  const exposed = secretsInArguments(raw, sensitive);
  const lines = [...problemsBefore, ...exposed, ...found].map(describeProblem);
  const variableLines = variables.problems.map(({ source, message }) => `${source}: ${message}`);
  if (!parsed.success || lines.length + variableLines.length > 0) {
    const code = lines.length > 0 ? "TEMPLATE_INVALID" : "VARIABLE_INVALID";
    throw invalid(document, code, [...lines, ...variableLines]);
  }
  const { seed, ssh } = parsed.data;
  const secrets = sensitive.map((name) => String(values.get(name) ?? ""));
  secrets.push(...seedSecrets(seed).map(({ text }) => text));
  if (ssh.password !== undefined) secrets.push(ssh.password);
  const { inputSpecs } = settled;
  return { ...parsed.data, path, folder, digest, values, secrets, inputSpecs, describeProblem };
}
