/** Where a run begins: which steps are kept, from which state it goes on, and why the rest runs. */
import { explainDifferences } from "../../checkpoints/explain.js";
import { keyAfterChange, keyOf } from "../../checkpoints/manifest.js";
import type { Manifest } from "../../checkpoints/manifest.js";
import type { Checkpoint } from "../../checkpoints/records.js";
import type { CheckpointStore, KeptTexts } from "../../checkpoints/store.js";
import type { Step } from "../../steps/schema.js";

/** What a user asked of the cache. */
export interface CacheWishes {
  /** Everything again, from the base on. */
  readonly force?: boolean;
  /** This step and all after it again. */
  readonly from?: string | undefined;
}

/** The states that there are. */
export type States = Pick<CheckpointStore, "records" | "checkpoints">;

/** The manifests of a build as it is now. */
export interface Chain {
  readonly root: Manifest;
  readonly steps: readonly Manifest[];
}

/** What becomes of a step, and why. */
export interface StepDecision {
  readonly step: string;
  readonly index: number;
  readonly kept: boolean;
  /** Why it runs; for the first that does, what changed. */
  readonly reason: string;
}

/** Where a run begins. */
export interface Decision {
  /** `keys[0]` is the state before the first step, `keys[n]` the one after step n. */
  readonly keys: readonly string[];
  /** The key of the last state, with what was changed by hand on the way to it. */
  readonly end: string;
  /** How many steps are kept. */
  readonly kept: number;
  /** The states to go on from, the best first; empty where there is none. */
  readonly candidates: readonly Checkpoint[];
  readonly steps: readonly StepDecision[];
  /** States along the way that somebody changed by hand. */
  readonly changedByHand: readonly string[];
}

/** The keys of all states, with the changes by hand that lie on the way. */
function keysOf(chain: Chain, checkpoints: readonly Checkpoint[]) {
  const keys: string[] = [];
  const changed: { index: number; step: string }[] = [];
  let parent = "";
  for (const [index, manifest] of [chain.root, ...chain.steps].entries()) {
    const key = keyOf(parent, manifest);
    keys.push(key);
    const found = checkpoints.find((checkpoint) => checkpoint.key === key);
    if (found?.changedByHand) changed.push({ index, step: found.step });
    parent = found?.changedByHand ? keyAfterChange(key, found.changedByHand) : key;
  }
  return { keys, changed, end: parent };
}

/** The key that later states build on: another one after a change by hand. */
export function parentKeyOf(checkpoint: Pick<Checkpoint, "key" | "changedByHand">): string {
  const { key, changedByHand } = checkpoint;
  return changedByHand === undefined ? key : keyAfterChange(key, changedByHand);
}

/** The most steps that may be kept, whatever states there are. */
function mostKept(steps: readonly Step[], wishes: CacheWishes): { count: number; why: string } {
  if (wishes.force) return { count: -1, why: "--force" };
  const never = steps.findIndex((step) => !step.cache);
  const from = steps.findIndex((step) => step.name === wishes.from);
  if (from !== -1 && (never === -1 || from <= never)) return { count: from, why: "--from" };
  if (never !== -1) return { count: never, why: 'it says "cache": false' };
  return { count: steps.length, why: "" };
}

/** The last state of the same name that was saved, to compare with. */
function lastOf(index: number, name: string, store: States): Checkpoint | undefined {
  return store.checkpoints
    .filter((checkpoint) => (index === 0 ? checkpoint.index === 0 : checkpoint.step === name))
    .toSorted((one, other) => other.createdAt.localeCompare(one.createdAt))
    .at(0);
}

async function whatChanged(
  index: number,
  chain: Chain,
  steps: readonly Step[],
  store: States,
  texts: KeptTexts,
): Promise<string> {
  const { records } = store;
  if (!records) return "nothing is kept from an earlier run";
  const root = await explainDifferences(records.root, chain.root, texts.path);
  if (root !== "") return root;
  const name = steps[index - 1]?.name ?? "";
  const before = lastOf(index, name, store);
  const now = chain.steps[index - 1];
  if (!before || !now)
    return index === 0 ? "its state is not kept" : "it has no state of an earlier run";
  const changes = await explainDifferences(before.manifest, now, texts.path);
  return changes === "" ? "the steps before it are others" : changes;
}

/**
 * Compares what is there with what the template asks for. Pure but for reading kept texts.
 * @param steps of the template.
 */
export async function decide(
  chain: Chain,
  steps: readonly Step[],
  store: States,
  texts: KeptTexts,
  wishes: CacheWishes,
): Promise<Decision> {
  const { keys, changed, end } = keysOf(chain, store.checkpoints);
  const most = mostKept(steps, wishes);
  const candidates = store.checkpoints
    .filter(({ index, key }) => index <= most.count && keys[index] === key)
    .toSorted((one, other) => other.index - one.index);
  const kept = candidates[0]?.index ?? 0;
  const why =
    kept === most.count && most.why !== "" && !wishes.force
      ? most.why
      : wishes.force
        ? most.why
        : kept < steps.length
          ? await whatChanged(kept + 1, chain, steps, store, texts)
          : "";
  const decisions = steps.map(({ name }, position): StepDecision => {
    const index = position + 1;
    const reason = index <= kept ? "" : index === kept + 1 ? why : "a step before it runs";
    return { step: name, index, kept: index <= kept, reason };
  });
  const changedByHand = changed.filter(({ index }) => index <= kept).map(({ step }) => step);
  return { keys, end, kept, candidates, steps: decisions, changedByHand };
}

/** One line for the first step that runs: what was kept, and why no more. */
export function summarize(decision: Decision): string {
  const first = decision.steps.find(({ kept }) => !kept);
  if (!first) return `all ${decision.kept} steps are kept`;
  const after =
    decision.kept === 0
      ? ""
      : `; first run after ${decision.kept} kept ${decision.kept === 1 ? "step" : "steps"}`;
  return `step ${first.index} (${first.step}) runs: ${first.reason}${after}`;
}
