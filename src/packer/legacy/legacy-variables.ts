/** User variables of older JSON templates: they can refer to each other and to the environment. */
import { resolve } from "node:path";
import type { Node } from "jsonc-parser";
import { numberText } from "../eval/values.js";
import { parseJson } from "../hcl/json-syntax.js";
import { parseFile } from "../hcl/parse.js";
import { placeOf } from "../hcl/source.js";
import type { SourceFile } from "../hcl/source.js";
import type { GoTemplateData } from "../go-template/functions.js";
import type { PackerLoadOptions, PackerVariable, VariableOrigin } from "../model.js";
import { KnownFault, PackerFault } from "../problems.js";
import { readSource } from "../load/files.js";
import type { LoadState } from "../load/state.js";
import { LegacyJson, renderAt } from "./json-nodes.js";
import type { LegacyUser } from "./json-nodes.js";

interface LegacyVariable {
  readonly name: string;
  /** Text with template code; undefined for a variable that must be given. */
  readonly text: string | undefined;
  readonly default: string | undefined;
  readonly origin: VariableOrigin;
  readonly node: Node | undefined;
}

/** What variables are read from. */
export interface LegacySources {
  readonly json: LegacyJson;
  readonly variables: Node | undefined;
  readonly sensitive: Node | undefined;
  readonly options: PackerLoadOptions;
  readonly data: GoTemplateData;
}

/** Variables of an older template, evaluated when they are first used. */
export class LegacyVariables implements LegacyUser {
  readonly files: readonly string[];
  readonly #state: LoadState;
  readonly #sources: LegacySources;
  readonly #variables: ReadonlyMap<string, LegacyVariable>;
  readonly #sensitive: ReadonlySet<string>;
  readonly #values = new Map<string, string>();
  readonly #dependencies = new Map<string, ReadonlySet<string>>();
  readonly #failed = new Set<string>();
  readonly #open: string[] = [];

  constructor(state: LoadState, sources: LegacySources) {
    this.#state = state;
    this.#sources = sources;
    const { json, sensitive, options } = sources;
    this.#sensitive = new Set(json.elements(sensitive).map((node) => String(node.value)));
    this.files = (options.variableFiles ?? []).map((path) => resolve(state.host.cwd, path));
    this.#variables = collect(state, sources, this.files);
  }

  readonly get = (name: string): string | undefined => {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const variable = this.#variables.get(name);
    if (!variable) return undefined;
    if (this.#failed.has(name) || variable.text === undefined) throw new KnownFault();
    const start = this.#open.indexOf(name);
    if (start !== -1) throw this.#circle([...this.#open.slice(start), name]);
    this.#open.push(name);
    try {
      const value = this.#render(variable, variable.text);
      this.#values.set(name, value);
      return value;
    } catch (error) {
      this.#failed.add(name);
      this.#state.problems.addFault(error);
      throw new KnownFault();
    } finally {
      this.#open.pop();
    }
  };

  readonly dependencies = (name: string): readonly string[] => [
    name,
    ...(this.#dependencies.get(name) ?? []),
  ];

  readonly isSensitive = (name: string): boolean => this.#sensitive.has(name);

  /** Names of the variables that must be given and are not. */
  get unset(): string[] {
    return [...this.#variables.values()].flatMap(({ name, text }) =>
      text === undefined ? [name] : [],
    );
  }

  /** Evaluates all variables; those that must be given and are not are reported. */
  evaluateAll(): PackerVariable[] {
    const { json } = this.#sources;
    return [...this.#variables.values()].flatMap((variable): PackerVariable[] => {
      const { name, node, text } = variable;
      if (text === undefined) {
        if (node)
          json.add(`The variable "${name}" must be given: --var ${name}=… or --var-file.`, node);
        return [];
      }
      const value = this.#state.problems.attempt(() => this.get(name));
      if (value === undefined) return [];
      return [
        {
          name,
          type: undefined,
          description: undefined,
          sensitive: this.#sensitive.has(name),
          default: variable.default,
          defaultEnvironment: /^\{\{\s*env\s+[`"]([^`"]+)[`"]\s*\}\}$/.exec(
            variable.default ?? "",
          )?.[1],
          validations: [],
          value,
          origin: variable.origin,
          place: node ? placeOf(json.span(node)) : NO_PLACE,
        },
      ];
    });
  }

  #render({ name, node, origin }: LegacyVariable, text: string): string {
    const { json, data } = this.#sources;
    const used = new Set<string>();
    const span = node ? json.span(node) : undefined;
    let isIncomplete = false;
    const own: GoTemplateData = {
      ...data,
      environment: this.#state.host.environment,
      user: (other) => {
        const value = this.get(other);
        for (const one of this.dependencies(other)) used.add(one);
        if (value !== undefined) return value;
        const message = `The variable "${other}", to which "${name}" refers, is not declared`;
        if (!this.#isLenient) throw new PackerFault(`${message}.`, span ?? this.#noSpan());
        this.#state.problems.warn(`${message}; Packer takes an empty text.`, span);
        isIncomplete = true;
        return "";
      },
    };
    const value = node
      ? renderAt(json, text, { at: node, data: own })
      : this.#renderGiven(text, own);
    this.#dependencies.set(name, used);
    // A default that Packer cannot complete is no value; a given value is completed where it is used.
    return isIncomplete && origin.kind === "default" ? "" : value;
  }

  /**
   * Whether references to undeclared variables are empty. Packer refuses them only in a template in
   * which no variable refers to another one that exists (seen with 1.6.6; `renderVarsRecursively` in
   * its core.go).
   */
  get #isLenient(): boolean {
    return [...this.#variables.values()].some(({ text = "" }) =>
      [...text.matchAll(/\buser\s+[`"]([^`"]+)[`"]/g)].some(([, other = ""]) =>
        this.#variables.has(other),
      ),
    );
  }

  /** Renders the value of a variable that the template does not declare. */
  #renderGiven(text: string, data: GoTemplateData): string {
    const root: Node = { type: "string", offset: 0, length: 0 };
    return renderAt(this.#sources.json, text, { at: root, data });
  }

  #noSpan() {
    return this.#sources.json.span({ type: "null", offset: 0, length: 0 });
  }

  #circle(names: readonly string[]): PackerFault {
    const node = this.#variables.get(names[0] ?? "")?.node;
    const message = `Variables depend on each other in a circle: ${names.join(" -> ")}.`;
    return new PackerFault(message, node ? this.#sources.json.span(node) : this.#noSpan());
  }
}

const NO_PLACE = { file: "--var", line: 1, column: 1, endLine: 1, endColumn: 1, text: "" };

/** Collects defaults, files of variables and `--var`, of which the last one counts. */
function collect(
  state: LoadState,
  { json, variables, options }: LegacySources,
  files: readonly string[],
): Map<string, LegacyVariable> {
  const all = new Map<string, LegacyVariable>();
  for (const { name, value } of json.properties(variables)) {
    const text = scalarText(value);
    if (text === undefined && value.type !== "null") {
      json.add("The default of a variable is a text, a number, true, false or null.", value);
    }
    const origin = { kind: "default", detail: undefined } as const;
    all.set(name, { name, text, default: text, origin, node: value });
  }
  const set = (name: string, text: string, origin: VariableOrigin): void => {
    const declared = all.get(name);
    all.set(name, { name, text, default: declared?.default, origin, node: declared?.node });
  };
  for (const path of files) {
    for (const [name, text] of readVariableFile(state, path)) {
      set(name, text, { kind: "file", detail: path });
    }
  }
  for (const [name, text] of options.variables ?? []) {
    set(name, text, { kind: "argument", detail: undefined });
  }
  return all;
}

function scalarText(node: Node): string | undefined {
  const value: unknown = node.value;
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(value);
  return typeof value === "boolean" ? String(value) : undefined;
}

/** Reads a file of variables: JSON, or HCL with texts and numbers only. */
function readVariableFile(state: LoadState, path: string): [string, string][] {
  const file = readSource(path, state.host.cwd, state.problems);
  if (!file) return [];
  return path.endsWith(".hcl") ? readHclFile(state, file) : readJsonFile(state, file);
}

function readJsonFile({ problems }: LoadState, file: SourceFile): [string, string][] {
  const json = new LegacyJson(file, problems);
  const root = parseJson(file, problems);
  return json.properties(root).flatMap(({ name, value }): [string, string][] => {
    // As in Packer, null is an empty text here.
    const text = value.type === "null" ? "" : scalarText(value);
    if (text !== undefined) return [[name, text]];
    json.add(`The value of the variable "${name}" is a text, a number, true or false.`, value);
    return [];
  });
}

function readHclFile({ problems }: LoadState, file: SourceFile): [string, string][] {
  return parseFile(file, problems).items.flatMap((item): [string, string][] => {
    if (item.kind === "attribute" && item.value.kind === "literal" && item.value.value !== null) {
      return [[item.name.name, String(item.value.value)]];
    }
    const span = item.kind === "attribute" ? item.value.span : item.header;
    problems.add("Variables of a JSON template are texts and numbers.", span);
    return [];
  });
}
