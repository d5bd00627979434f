/** Reads `source` and `build` blocks: each source of a build is evaluated by itself. */
import { nameText } from "../eval/convert.js";
import { evaluate } from "../eval/evaluate.js";
import { isList } from "../eval/values.js";
import { placeOf } from "../hcl/source.js";
import type { Block, Body, Span } from "../hcl/syntax.js";
import type { PackerBlock, PackerBuild, PackerBuildSource } from "../model.js";
import { PackerFault } from "../problems.js";
import { evaluateBlock, expandBlocks, findAttribute } from "./blocks.js";
import type { ScopedBlock } from "./blocks.js";
import { readPostProcessors, readProvisioners } from "./build-steps.js";
import { buildRoot, sourceRoot } from "./roots.js";
import type { Selection } from "./selection.js";
import type { LoadState } from "./state.js";

/** Sources by their references, such as `qemu.x`. */
export type SourceBlocks = ReadonlyMap<string, ScopedBlock>;

/** What a build is read with. */
export interface BuildContext {
  readonly state: LoadState;
  readonly sources: SourceBlocks;
  readonly selection: Selection;
}

/** Collects the source blocks of the template by reference. */
export function collectSources(state: LoadState, blocks: readonly ScopedBlock[]): SourceBlocks {
  const sources = new Map<string, ScopedBlock>();
  for (const source of blocks) {
    const { block } = source;
    const [type, name, ...more] = block.labels;
    if (!type || !name || more.length > 0) {
      state.problems.add('A "source" block has two labels: its type and its name.', block.header);
      continue;
    }
    const ref = `${type.name}.${name.name}`;
    const earlier = sources.get(ref);
    if (earlier) {
      const { file, line } = placeOf(earlier.block.header);
      state.problems.add(
        `The source "${ref}" is defined already, in ${file} line ${line}.`,
        block.header,
      );
      continue;
    }
    sources.set(ref, source);
  }
  return sources;
}

/** Evaluates a source block as if it were used under its own name. */
export function evaluateSource(state: LoadState, source: ScopedBlock): PackerBlock {
  const [type, name] = source.block.labels;
  const scope = source.scope.withRoots([
    ["source", sourceRoot(type?.name ?? "", name?.name ?? "")],
  ]);
  return evaluateBlock(state, { ...source, scope });
}

/** Use of a source in a build. */
interface SourceUse {
  readonly type: string;
  readonly name: string;
  readonly localName: string;
  /** Content of the build's own source block, without its `name`. */
  readonly overrides: ScopedBlock | undefined;
  readonly span: Span;
}

const ARGUMENTS = ["name", "description", "sources"];
const BLOCKS = [
  "source",
  "provisioner",
  "error-cleanup-provisioner",
  "post-processor",
  "post-processors",
  "hcp_packer_registry",
];

/** Reads a build; sources that are not selected are left out. */
export function readBuild(context: BuildContext, build: ScopedBlock): PackerBuild {
  const { state, selection } = context;
  const { body, header } = build.block;
  checkBuild(state, build.block);
  const name = readText(state, build, "name");
  const description = readText(state, build, "description");
  const scope = build.scope.withRoots([["build", buildRoot(name)]]);
  const blocks = expandBlocks(state, body, scope, build.inherited);
  const uses = [
    ...listedSources(state, build),
    ...blocks.flatMap((one) => sourceBlock(state, one)),
  ];
  if (uses.length === 0 && state.problems.count === 0) {
    state.problems.add('The build has no source; list one in "sources".', header);
  }
  const selected = uses.filter((use) => selection.includes([idOf(name, use)]));
  return {
    name: name === "" ? undefined : name,
    description,
    sources: selected.flatMap((use) => useSource(context, { use, blocks, buildName: name }) ?? []),
    place: placeOf(header),
  };
}

function idOf(buildName: string | undefined, { type, localName }: SourceUse): string {
  const name = `${type}.${localName}`;
  return buildName === undefined || buildName === "" ? name : `${buildName}.${name}`;
}

function checkBuild({ problems }: LoadState, { body }: Block): void {
  for (const item of body.items) {
    if (item.kind === "attribute") {
      if (ARGUMENTS.includes(item.name.name)) continue;
      problems.add(`A build has no argument "${item.name.name}".`, item.name.span);
    } else if (![...BLOCKS, "dynamic"].includes(item.type.name)) {
      problems.add(`A build has no block "${item.type.name}".`, item.header);
    }
  }
}

function readText(
  state: LoadState,
  { block, scope }: ScopedBlock,
  name: string,
): string | undefined {
  const attribute = findAttribute(block.body, name);
  if (!attribute) return undefined;
  return state.problems.attempt(() => {
    const value = evaluate(attribute.value, scope);
    if (typeof value === "string") return value;
    if (value === null) return undefined;
    throw new PackerFault(`"${name}" must be a text.`, attribute.value.span);
  });
}

/** Reads `sources = ["source.qemu.x"]`. */
function listedSources(state: LoadState, { block, scope }: ScopedBlock): SourceUse[] {
  const attribute = findAttribute(block.body, "sources");
  if (!attribute) return [];
  const { span } = attribute.value;
  const uses = state.problems.attempt(() => {
    const value = evaluate(attribute.value, scope);
    if (!isList(value)) throw new PackerFault('"sources" must be a list of texts.', span);
    return value.map((ref, index) => {
      const item = attribute.value.kind === "tuple" ? attribute.value.items[index] : undefined;
      const place = item?.span ?? span;
      return { ...parseRef(nameText(ref), place), overrides: undefined, span: place };
    });
  });
  return uses ?? [];
}

/**
 * Splits `qemu.x` or `source.qemu.x`. As in Packer (`sourceRefFromString`), the first of three or
 * more words can be any, such as `sources`, and a fourth one is ignored.
 */
function parseRef(ref: string, span: Span): { type: string; name: string; localName: string } {
  const words = ref.split(".");
  const [type, name] = words.length > 2 ? words.slice(1) : words;
  if (!type || !name) {
    throw new PackerFault(`"${ref}" is not a source, such as "source.qemu.name".`, span);
  }
  return { type, name, localName: name };
}

/** Reads a `source "qemu.x" { … }` block of a build. */
function sourceBlock(state: LoadState, one: ScopedBlock): SourceUse[] {
  const { block, scope } = one;
  if (block.type.name !== "source") return [];
  const use = state.problems.attempt((): SourceUse => {
    const [label, ...more] = block.labels;
    if (!label || more.length > 0) {
      throw new PackerFault(
        'A "source" block of a build has one label, such as "qemu.name".',
        block.header,
      );
    }
    const ref = parseRef(label.name, label.span);
    const nameAttribute = findAttribute(block.body, "name");
    const name = nameAttribute ? evaluate(nameAttribute.value, scope) : ref.name;
    const items = block.body.items.filter((item) => item !== nameAttribute);
    const body: Body = { ...block.body, items };
    const overrides = { ...one, block: { ...block, body } };
    return { ...ref, localName: nameText(name), overrides, span: label.span };
  });
  return use ? [use] : [];
}

function useSource(
  { state, sources, selection }: BuildContext,
  parts: { use: SourceUse; blocks: readonly ScopedBlock[]; buildName: string | undefined },
): PackerBuildSource | undefined {
  const { use, blocks, buildName } = parts;
  const { type, name, localName } = use;
  const source = sources.get(`${type}.${name}`);
  if (!source) {
    const known = [...sources.keys()].join(", ");
    const message = `There is no source "${type}.${name}". ${known === "" ? "The template has no sources." : `The sources are ${known}.`}`;
    state.problems.add(message, use.span);
    return undefined;
  }
  const root = [["source", sourceRoot(type, localName)]] as const;
  const withSource = (one: ScopedBlock): ScopedBlock => ({
    ...one,
    scope: one.scope.withRoots(root),
  });
  const top = evaluateBlock(state, withSource(source));
  const overrides = use.overrides && evaluateBlock(state, withSource(use.overrides));
  const steps = {
    state,
    blocks: blocks.map(withSource),
    names: [`${type}.${localName}`],
    name: localName,
  };
  return {
    type,
    name,
    localName,
    id: idOf(buildName, use),
    buildName: name,
    block: overrides ? merge(top, overrides) : top,
    overrides,
    ...readProvisioners(steps),
    postProcessors: readPostProcessors(steps, selection),
    place: placeOf(use.span),
  };
}

function merge(source: PackerBlock, overrides: PackerBlock): PackerBlock {
  return {
    ...source,
    attributes: new Map([...source.attributes, ...overrides.attributes]),
    blocks: [...source.blocks, ...overrides.blocks],
  };
}
