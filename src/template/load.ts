/** Loads and validates a template. All problems are reported at once, each with its place. */
import { completeBase } from "../base/registry.js";
import type { WorkTree } from "../host/work-tree.js";
import type { InputSpec } from "../inputs/inputs.js";
import { composeFiles, composeTemplate } from "./compose.js";
import type { Composition } from "./compose.js";
import type { ConvertedOption } from "./converted-option.js";
import { valueAt } from "./document.js";
import type { JsonPath, Problem, TemplateDocument } from "./document.js";
import { invalidTemplate } from "./extends.js";
import { readGitSource } from "./git-references.js";
import type { GitSource } from "./git-references.js";
import { anchorOf, originFinder, problemFormatter } from "./origin.js";
import type { Origin } from "./origin.js";
import type { TemplateFile } from "./placed.js";
import { gatherValues } from "./variable-sources.js";
import type { ValueSources } from "./variable-sources.js";
import { sinkSecrets } from "../sinks/attach.js";
import { seedSecrets } from "../seed/registry.js";
import { applyOverride, settleOverrides } from "./overrides.js";
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
  /** Value of `--appliances DIR`: the folder in which the names of parents are searched. */
  readonly appliances?: string | undefined;
  /** Ignore values for variables and inputs that the template does not declare. */
  readonly ignoreUndeclared?: boolean;
}

/** Validated template with its variables filled in. */
export interface Template extends TemplateValues {
  /** Absolute. */
  readonly path: string;
  /** Folder to which its paths are relative; absolute. */
  readonly folder: string;
  /** SHA-256 of its own file, in hexadecimal. */
  readonly digest: string;
  /** Files of which it consists: its own, then that of its parent, and so on. */
  readonly files: readonly [TemplateFile, ...TemplateFile[]];
  /** Returns the place from which the value at a path came. */
  readonly originOf: (path: JsonPath) => Origin;
  /** Template as in its files, before variables, without `extends`. */
  readonly source: unknown;
  readonly values: ReadonlyMap<string, VariableValue>;
  /** What became of the options of the Packer template that it was made from. */
  readonly packer?: readonly ConvertedOption[];
  /** Values of sensitive variables. */
  readonly secrets: readonly string[];
  /** Source of each input in this run. */
  readonly inputSpecs: ReadonlyMap<string, InputSpec>;
  /** State of its git work tree, where it refers to it. */
  readonly workTree?: WorkTree;
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

/** Returns the values of declared variables only, where others are ignored. */
function declaredOnly<T>(
  given: ReadonlyMap<string, T>,
  declared: readonly string[],
  { ignoreUndeclared }: LoadOptions,
): ReadonlyMap<string, T> {
  if (ignoreUndeclared !== true) return given;
  return new Map([...given].filter(([name]) => declared.includes(name)));
}

/** Returns the values of `--input`; those of declared inputs only, where others are ignored. */
function inputsFor(raw: unknown, { inputs = {}, ignoreUndeclared }: LoadOptions) {
  if (ignoreUndeclared !== true) return inputs;
  const declared = valueAt(raw, ["inputs"]);
  return Object.fromEntries(
    Object.entries(inputs).filter(([name]) => isObject(declared) && Object.hasOwn(declared, name)),
  );
}

/** Fills in overrides and variables, and returns the template with all problems. */
async function interpret(
  composition: Composition,
  overrides: readonly Override[],
  options: LoadOptions & { readonly git: GitSource },
) {
  const { environment = process.env, git } = options;
  const raw = overrides.reduce<unknown>(applyOverride, composition.value);
  const { declarations, problems } = readDeclarations(raw);
  const declared = Object.keys(declarations);
  const given = await gatherValues(declared, options);
  const variables = resolveVariables(declarations, declaredOnly(given, declared, options));
  const { values } = variables;
  const anchor = anchorOf(composition, overrides);
  const inputs = inputsFor(raw, options);
  const settled = isObject(raw)
    ? resolveReferences(raw, {
        folder: composition.folder,
        declared,
        values,
        inputs,
        environment,
        git,
        anchor,
      })
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
  return loadComposition(await composeTemplate(path, options.appliances), options);
}

/**
 * Loads a template from a document.
 * @param file where it is from: its path, the folder of its paths, and its SHA-256.
 * @throws {VmbuildError} as {@link loadTemplate}.
 */
export async function loadDocument(
  document: TemplateDocument,
  { path, folder, digest }: Pick<Template, "path" | "folder" | "digest">,
  options: LoadOptions = {},
): Promise<Template> {
  return loadComposition(composeFiles([{ path, digest, document }], folder), options);
}

async function loadComposition(composition: Composition, given: LoadOptions): Promise<Template> {
  const [own] = composition.files;
  const sources = [composition.value, given.overrides];
  const git = await readGitSource(sources, composition.folder, [own.path]);
  const options = { ...given, git };
  const overrides = await interpretOverrides(
    composition.value,
    settleOverrides(composition.value, options.overrides ?? [], options.ignoreUndeclared ?? false),
    async (readings) => {
      const { parsed } = await interpret(composition, readings, options);
      return parsed.error?.issues ?? [];
    },
  );
  const describeProblem = problemFormatter(composition, overrides);
  const { raw, declarations, declared, variables, settled, parsed, problemsBefore } =
    await interpret(composition, overrides, options);
  const { values } = variables;
  const { files, folder } = composition;
  const unset = declared.filter((name) => !values.has(name));
  const found = problemsOf(parsed.error?.issues ?? []).filter(
    ({ path }) => !usesAny(valueAt(raw, path), unset),
  );
  const sensitive = declared.filter((name) => declarations[name]?.sensitive);
  const exposed = secretsInArguments(raw, sensitive);
  const ownLines = [...problemsBefore, ...exposed, ...found].map(describeProblem);
  const lines = [...composition.problems, ...ownLines];
  const variableLines = variables.problems.map(({ source, message }) => `${source}: ${message}`);
  if (!parsed.success || lines.length + variableLines.length > 0) {
    const code = lines.length > 0 ? "TEMPLATE_INVALID" : "VARIABLE_INVALID";
    throw invalidTemplate(files[0].document, code, [...lines, ...variableLines]);
  }
  const { seed, ssh } = parsed.data;
  const secrets = sensitive.map((name) => String(values.get(name) ?? ""));
  secrets.push(...seedSecrets(seed).map(({ text }) => text));
  if (ssh.password !== undefined) secrets.push(ssh.password);
  secrets.push(...sinkSecrets(parsed.data.sinks));
  return {
    ...parsed.data,
    base: completeBase(parsed.data.base, parsed.data.machine),
    path: files[0].path,
    folder,
    digest: files[0].digest,
    files,
    originOf: originFinder(composition, overrides),
    source: raw,
    values,
    secrets,
    inputSpecs: settled.inputSpecs,
    ...(git === undefined || "problem" in git ? {} : { workTree: git }),
    describeProblem,
  };
}
