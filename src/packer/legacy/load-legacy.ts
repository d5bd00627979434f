/** Reads older JSON templates: `builders`, `provisioners`, `post-processors` and `variables`. */
import type { Node } from "jsonc-parser";
import { nameText } from "../eval/convert.js";
import { parseJson } from "../hcl/json-syntax.js";
import { placeOf } from "../hcl/source.js";
import { secretsOf } from "../load/load-hcl.js";
import { readSource } from "../load/files.js";
import type { TemplateFiles } from "../load/files.js";
import { SELECTORS, appliesTo, applyOverride, selectionOf } from "../load/selection.js";
import type { Selection } from "../load/selection.js";
import type { LoadState } from "../load/state.js";
import type {
  PackerBlock,
  PackerBuildSource,
  PackerLoadOptions,
  PackerSettings,
  PackerTemplate,
} from "../model.js";
import { LegacyJson, readAttributes, readBlock, renderAt } from "./json-nodes.js";
import type { LegacyContext } from "./json-nodes.js";
import { LegacyVariables } from "./legacy-variables.js";
import { PackerFault } from "../problems.js";

const KEYS = [
  "builders",
  "description",
  "error-cleanup-provisioner",
  "min_packer_version",
  "post-processors",
  "provisioners",
  "push",
  "sensitive-variables",
  "variables",
] as const;

/** Nodes of a template by their keys. */
type Sections = Partial<Record<(typeof KEYS)[number], Node>>;

/** Sections of a template that has builders. */
type LegacySections = Sections & { readonly builders: Node };

/** Reads a template. Problems are added to the state; undefined if the file is no JSON object. */
export function loadLegacy(
  state: LoadState,
  files: TemplateFiles,
  options: PackerLoadOptions & { packerVersion: string },
): Omit<PackerTemplate, "readFiles"> | undefined {
  const root = readRoot(state, files);
  if (!root) return undefined;
  const { json, sections } = root;
  const { problems, host } = state;
  const data = {
    templateFolder: files.folder,
    cwd: host.cwd,
    now: host.now,
    packerVersion: options.packerVersion,
  };
  const user = new LegacyVariables(state, {
    json,
    variables: sections.variables,
    sensitive: sections["sensitive-variables"],
    options,
    data,
  });
  const variables = user.evaluateAll();
  const context: LegacyContext = { json, problems, data, user };
  const selection = selectionOf(options, problems);
  const built = readSources(context, sections, selection);
  return {
    syntax: "json",
    folder: files.folder,
    cwd: host.cwd,
    files: files.json,
    variableFiles: user.files,
    packer: settingsOf(sections),
    variables,
    unset: user.unset,
    locals: [],
    dataSources: [],
    sources: built.map(({ block }) => block),
    builds: [
      {
        name: undefined,
        description: textOf(sections.description),
        sources: built,
        place: placeOf(json.span(sections.builders)),
      },
    ],
    secrets: secretsOf(variables),
  };
}

/**
 * Reads the settings of a template, and checks its JSON and its sections; nothing is evaluated. An
 * older template requires no plugins.
 */
export function readLegacySettings(state: LoadState, files: TemplateFiles): PackerSettings {
  const root = readRoot(state, files);
  return settingsOf(root?.sections ?? {});
}

function settingsOf(sections: Sections): PackerSettings {
  return {
    requiredVersion: minimumVersion(sections["min_packer_version"]),
    requiredPlugins: [],
  };
}

/** Parses the file; undefined, with problems added, if it is no template. */
function readRoot(
  { problems, host }: LoadState,
  { json: [path = ""] }: TemplateFiles,
): { json: LegacyJson; sections: LegacySections } | undefined {
  const file = readSource(path, host.cwd, problems);
  const root = file && parseJson(file, problems);
  if (!file || !root) return undefined;
  const json = new LegacyJson(file, problems);
  const sections = sectionsOf(json, root);
  const { builders } = sections;
  if (builders) return { json, sections: { ...sections, builders } };
  problems.add('The template has no "builders", so it is not one of Packer\'s JSON templates.', {
    ...json.span(root),
    end: root.offset + 1,
  });
  return undefined;
}

function textOf(node: Node | undefined): string | undefined {
  const value: unknown = node?.value;
  return typeof value === "string" ? value : undefined;
}

function minimumVersion(node: Node | undefined): string | undefined {
  const version = textOf(node);
  return version === undefined ? undefined : `>= ${version}`;
}

function sectionsOf(json: LegacyJson, root: Node): Sections {
  const sections: Sections = {};
  for (const { name, key, value } of json.properties(root)) {
    const known = KEYS.find((one) => one === name);
    if (known === undefined) json.add(`A JSON template has no "${name}".`, key);
    else sections[known] = value;
  }
  return sections;
}

function readSources(
  context: LegacyContext,
  sections: Sections,
  selection: Selection,
): PackerBuildSource[] {
  const names = new Set<string>();
  const { json } = context;
  const nodes = json.elements(sections.builders);
  if (nodes.length === 0 && sections.builders)
    json.add("The template has no builder.", sections.builders);
  return nodes.flatMap((node) => {
    const header = context.problems.attempt(() => builderHeader(context, node));
    if (!header) return [];
    const { name, type } = header;
    if (names.has(name)) {
      json.add(`Two builders are named "${name}". Give each its own "name".`, node);
      return [];
    }
    names.add(name);
    if (!selection.includes([name])) return [];
    const data = { ...context.data, buildName: name, buildType: type };
    const source = readBuilder({ ...context, data }, { node, name, sections, selection });
    return source ?? [];
  });
}

/** Reads the name and the type of a builder, which the rest of the template can use. */
function builderHeader(
  { json, data, user }: LegacyContext,
  node: Node,
): { name: string; type: string } {
  const properties = json.properties(node);
  const withUser = { ...data, user: (name: string) => user.get(name) ?? "" };
  const read = (key: string): string | undefined => {
    const value = properties.find(({ name }) => name === key)?.value;
    if (!value) return undefined;
    return renderAt(json, String(value.value), { at: value, data: withUser });
  };
  const type = read("type");
  if (type === undefined) throw new PackerFault('A builder needs "type".', json.span(node));
  return { type, name: read("name") ?? type };
}

function readBuilder(
  context: LegacyContext,
  parts: { node: Node; name: string; sections: Sections; selection: Selection },
): PackerBuildSource | undefined {
  const { node, name, sections, selection } = parts;
  const { json } = context;
  const block = readBlock(context, "source", node);
  if (!block) return undefined;
  const [type = ""] = block.labels;
  const attributes = new Map(block.attributes);
  attributes.delete("name");
  const read = (kind: string, step: Node): PackerBlock[] => {
    // The rest of a step that does not apply is not rendered: it may fail for this builder.
    if (step.type === "object") {
      const selectors = readAttributes(context, step, SELECTORS);
      if (!appliesTo({ attributes: selectors }, [name])) return [];
    }
    const one = readBlock(context, kind, step);
    return one ? [applyOverride(one, name)] : [];
  };
  const cleanup = sections["error-cleanup-provisioner"];
  return {
    type,
    name,
    localName: name,
    id: name,
    buildName: name,
    block: { ...block, labels: [type, name], attributes },
    overrides: undefined,
    provisioners: json.elements(sections.provisioners).flatMap((step) => read("provisioner", step)),
    errorCleanup: cleanup ? read("error-cleanup-provisioner", cleanup)[0] : undefined,
    postProcessors: json
      .elements(sections["post-processors"])
      .map((chain) =>
        readChain(chain.type === "array" ? json.elements(chain) : [chain], read, selection),
      )
      .filter((chain) => chain.length > 0),
    place: placeOf(json.span(node)),
  };
}

/** A post-processor that `-except` names ends its chain, since the next ones need its result. */
function readChain(
  steps: readonly Node[],
  read: (kind: string, step: Node) => PackerBlock[],
  { excepts }: Selection,
): PackerBlock[] {
  const chain: PackerBlock[] = [];
  for (const step of steps) {
    const [block] = read("post-processor", step);
    if (!block) continue;
    const name = block.attributes.get("name")?.value;
    if (name !== undefined && excepts(nameText(name))) break;
    chain.push(block);
  }
  return chain;
}
