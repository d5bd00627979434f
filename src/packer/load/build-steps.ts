/** Reads the provisioners and post-processors that a build runs for one source. */
import { nameText } from "../eval/convert.js";
import type { Block } from "../hcl/syntax.js";
import type { PackerBlock } from "../model.js";
import { evaluateBlock, expandBlocks } from "./blocks.js";
import type { ScopedBlock } from "./blocks.js";
import { SELECTORS, appliesTo, applyOverride } from "./selection.js";
import type { Selection } from "./selection.js";
import type { LoadState } from "./state.js";

/** Blocks of a build, with the names of the source for which they are evaluated. */
export interface BuildSteps {
  readonly state: LoadState;
  readonly blocks: readonly ScopedBlock[];
  /** Names by which `only` and `except` call the source. */
  readonly names: readonly string[];
  /** Name by which `override` calls the source. */
  readonly name: string;
}

/** Reads the provisioners in order, and the one that runs after an error. */
export function readProvisioners(steps: BuildSteps): {
  provisioners: PackerBlock[];
  errorCleanup: PackerBlock | undefined;
} {
  const provisioners: PackerBlock[] = [];
  const cleanups: PackerBlock[] = [];
  for (const one of steps.blocks) {
    const { name } = one.block.type;
    if (name !== "provisioner" && name !== "error-cleanup-provisioner") continue;
    const block = readStep(steps, one);
    if (block) (name === "provisioner" ? provisioners : cleanups).push(block);
  }
  const [errorCleanup, second] = cleanups;
  if (second) {
    steps.state.problems.add('A build has one "error-cleanup-provisioner".', second.place);
  }
  return { provisioners, errorCleanup };
}

/** Reads a block with one label; undefined if it does not apply to the source. */
function readStep(steps: BuildSteps, one: ScopedBlock): PackerBlock | undefined {
  const { problems } = steps.state;
  const { block } = one;
  if (block.labels.length !== 1) {
    problems.add(`A "${block.type.name}" block has one label, its type.`, block.header);
    return undefined;
  }
  // The rest of a block that does not apply is not evaluated: it may fail for this source.
  const selectors = evaluateBlock(steps.state, { ...one, block: onlySelectors(block) });
  if (selectors.attributes.has("only") && selectors.attributes.has("except")) {
    problems.add('Only one of "only" and "except" can be given.', block.header);
  }
  if (!appliesTo(selectors, steps.names)) return undefined;
  return applyOverride(evaluateBlock(steps.state, one), steps.name);
}

function onlySelectors(block: Block): Block {
  const items = block.body.items.filter(
    (item) => item.kind === "attribute" && SELECTORS.includes(item.name.name),
  );
  return { ...block, body: { ...block.body, items } };
}

/** Reads the chains of post-processors: `post-processors` is one, each `post-processor` another. */
export function readPostProcessors(steps: BuildSteps, selection: Selection): PackerBlock[][] {
  return steps.blocks
    .flatMap((one): ScopedBlock[][] => {
      const { type, body } = one.block;
      if (type.name === "post-processor") return [[one]];
      if (type.name !== "post-processors") return [];
      return [expandBlocks(steps.state, body, one.scope, one.inherited)];
    })
    .map((chain) => readChain(steps, chain, selection))
    .filter((chain) => chain.length > 0);
}

/** A post-processor that `-except` names ends its chain, since the next ones need its result. */
function readChain(
  steps: BuildSteps,
  chain: readonly ScopedBlock[],
  { excepts }: Selection,
): PackerBlock[] {
  const blocks: PackerBlock[] = [];
  for (const one of chain) {
    if (one.block.type.name !== "post-processor") {
      const message = `"post-processors" has no block "${one.block.type.name}".`;
      steps.state.problems.add(message, one.block.header);
      continue;
    }
    const block = readStep(steps, one);
    if (!block) continue;
    const name = block.attributes.get("name")?.value ?? block.labels[0] ?? "";
    if (excepts(nameText(name))) break;
    blocks.push(block);
  }
  return blocks;
}
