/** Reads templates in HCL, in its native and in its JSON syntax. */
import { TEMPLATE_SCHEMA, parseJsonFile } from "../hcl/json-syntax.js";
import { parseFile } from "../hcl/parse.js";
import type { Body } from "../hcl/syntax.js";
import { isList, isMap } from "../eval/values.js";
import type {
  PackerBlock,
  PackerBuild,
  PackerDataValue,
  PackerLoadOptions,
  PackerSettings,
  PackerTemplate,
  PackerVariable,
  Value,
} from "../model.js";
import { Problems } from "../problems.js";
import { expandBlocks } from "./blocks.js";
import type { ScopedBlock } from "./blocks.js";
import { collectSources, evaluateSource, readBuild } from "./builds.js";
import { dataRoot, readDataSources } from "./data-sources.js";
import { readSource } from "./files.js";
import type { TemplateFiles } from "./files.js";
import { Locals } from "./locals.js";
import { absentRoot, buildRoot, packerRoot, pathRoot, variableRoot } from "./roots.js";
import { selectionOf } from "./selection.js";
import type { Selection } from "./selection.js";
import { readSettings } from "./settings.js";
import { makeScope } from "./state.js";
import type { LoadState } from "./state.js";
import { collectValues } from "./variable-values.js";
import { declareVariables } from "./variable-blocks.js";

/** Reads a template. Problems are added to the state; undefined if no file could be parsed. */
export function loadHcl(
  state: LoadState,
  files: TemplateFiles,
  options: PackerLoadOptions & { packerVersion: string },
): Omit<PackerTemplate, "readFiles"> | undefined {
  const bodies = parseFiles(state, files);
  if (bodies.length === 0 && state.problems.count > 0) return undefined;
  checkTopLevel(state, bodies);
  const declared = declareVariables(state, bodies);
  const {
    variables,
    unset,
    files: variableFiles,
  } = collectValues(state, {
    declared,
    autoFiles: files.autoVariables,
    options,
  });
  const { data = new Map<string, PackerDataValue>() } = options;
  const locals = new Locals(state, bodies);
  const scope = makeScope(state, [
    ["var", variableRoot(variables, declared.keys())],
    ["local", locals.root],
    ["path", pathRoot(files.folder, state.host.cwd)],
    ["packer", packerRoot(options.packerVersion)],
    ["data", dataRoot(bodies, data)],
    ["source", absentRoot("source", "in source blocks and in the blocks of a build")],
    ["build", buildRoot(undefined)],
  ]);
  const evaluatedLocals = locals.evaluateAll(scope);
  const blocks = bodies.flatMap((body) => expandBlocks(state, body, scope));
  const selection = selectionOf(options, state.problems);
  return {
    syntax: "hcl",
    folder: files.folder,
    cwd: state.host.cwd,
    files: [...files.hcl, ...files.json],
    variableFiles,
    packer: readSettings(state, bodies, scope),
    variables,
    unset,
    locals: evaluatedLocals,
    dataSources: readDataSources(state, blocks, data),
    ...readBuilds(state, blocks, selection),
    secrets: secretsOf([...variables, ...evaluatedLocals]),
  };
}

/**
 * Reads the settings of a template, and checks its syntax, its blocks and the declarations of its
 * variables. Nothing else is evaluated, so variables need no values.
 */
export function readHclSettings(
  state: LoadState,
  files: TemplateFiles,
  packerVersion: string,
): PackerSettings {
  const bodies = parseFiles(state, files);
  checkTopLevel(state, bodies);
  declareVariables(state, bodies);
  return readSettings(state, bodies, makeScope(state, [["packer", packerRoot(packerVersion)]]));
}

function parseFiles(state: LoadState, { hcl, json }: TemplateFiles): Body[] {
  const { problems, host } = state;
  return [...hcl, ...json].flatMap((path) => {
    const file = readSource(path, host.cwd, problems);
    if (!file) return [];
    return path.endsWith(".json")
      ? parseJsonFile(file, TEMPLATE_SCHEMA, problems)
      : parseFile(file, problems);
  });
}

const IGNORED_BLOCKS = ["hcp_packer_registry"];

function checkTopLevel({ problems }: LoadState, bodies: readonly Body[]): void {
  const known = [...Object.keys(TEMPLATE_SCHEMA), "dynamic"];
  for (const item of bodies.flatMap(({ items }) => items)) {
    if (item.kind === "attribute") {
      problems.add(
        `"${item.name.name}" is not inside a block. A template has blocks only; values of variables belong in a .pkrvars.hcl file.`,
        item.name.span,
      );
    } else if (!known.includes(item.type.name)) {
      problems.add(
        `Packer has no block "${item.type.name}". The blocks of a template are ${known.join(", ")}.`,
        item.header,
      );
    } else if (IGNORED_BLOCKS.includes(item.type.name)) {
      problems.warn(
        `"${item.type.name}" is ignored: nothing is reported to a registry.`,
        item.header,
      );
    }
  }
}

function readBuilds(
  state: LoadState,
  blocks: readonly ScopedBlock[],
  selection: Selection,
): { sources: PackerBlock[]; builds: PackerBuild[] } {
  const ofType = (type: string): ScopedBlock[] =>
    blocks.filter(({ block }) => block.type.name === type);
  const sources = collectSources(state, ofType("source"));
  const builds = ofType("build").map((build) => readBuild({ state, sources, selection }, build));
  if (builds.length === 0) state.problems.add("The template has no build block.", undefined);
  // Packer does not evaluate a source that no build uses, so its problems do not count.
  const quiet = { ...state, problems: new Problems() };
  return { sources: [...sources.values()].map((one) => evaluateSource(quiet, one)), builds };
}

/** Collects the texts in sensitive values. */
export function secretsOf(
  values: readonly (Pick<PackerVariable, "sensitive"> & { readonly value: Value })[],
): string[] {
  const found = new Set<string>();
  const visit = (value: Value): void => {
    if (typeof value === "string" && value !== "") found.add(value);
    else if (isList(value)) value.forEach(visit);
    else if (isMap(value)) [...value.values()].forEach(visit);
  };
  for (const { sensitive, value } of values) if (sensitive) visit(value);
  return [...found];
}
