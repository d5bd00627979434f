/**
 * Decides where a run starts: from the newest valid checkpoint, or from the base. For each step,
 * tells whether it is cached, and otherwise why it runs.
 */
import { explainDifferences } from "../../checkpoints/explain.js";
import { keyAfterChange, keyOf } from "../../checkpoints/manifest.js";
import type { Manifest } from "../../checkpoints/manifest.js";
import type { Checkpoint } from "../../checkpoints/records.js";
import type { CheckpointStore, StoredTexts } from "../../checkpoints/store.js";
import type { Step } from "../../steps/schema.js";

/** Options of a run that limit which checkpoints it uses. */
export interface ResumeOptions {
  /** Use none; start from the base. */
  readonly force?: boolean;
  /** Reason for `force`, in place of the option `--force`. */
  readonly forcedBy?: string | undefined;
  /** Rerun this step and all after it. */
  readonly from?: string | undefined;
}

/** Checkpoints of a build, and the records that contain them. */
export type StoredCheckpoints = Pick<CheckpointStore, "records" | "checkpoints">;

/** Manifests of a build as it is now: of the machine before the first step, and of each step. */
export interface ManifestChain {
  readonly root: Manifest;
  readonly steps: readonly Manifest[];
}

/** Decision for one step: whether it is cached, and otherwise why it runs. */
export interface StepDecision {
  readonly step: string;
  /** Counted from 1. */
  readonly index: number;
  readonly cached: boolean;
  /**
   * Reason why the step runs; empty for a cached step. The first step that runs has what changed.
   */
  readonly reason: string;
}

/** Start of a run, and what follows for each step. */
export interface Decision {
  /** `keys[0]` is the key of the machine before the first step, `keys[n]` of that after step n. */
  readonly keys: readonly string[];
  /**
   * Key after the last step, including checkpoints that were modified with `vmbuild ssh --save`.
   */
  readonly finalKey: string;
  /** Number of cached steps. */
  readonly cachedSteps: number;
  /** Checkpoints to start from, newest first; empty where there is none. */
  readonly candidates: readonly Checkpoint[];
  readonly steps: readonly StepDecision[];
  /** Cached steps whose checkpoint was modified with `vmbuild ssh --save`. */
  readonly changedByHand: readonly string[];
}

/** Inputs of {@link decide}. */
export interface DecideInput {
  readonly chain: ManifestChain;
  /** The template's steps. */
  readonly steps: readonly Step[];
  readonly store: StoredCheckpoints;
  readonly texts: StoredTexts;
  readonly options: ResumeOptions;
}

/**
 * Computes the keys of all steps. A checkpoint that was modified with `vmbuild ssh --save` changes
 * the keys after it.
 */
function computeKeys(chain: ManifestChain, checkpoints: readonly Checkpoint[]) {
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
  return { keys, changed, finalKey: parent };
}

/**
 * Returns the key that later checkpoints build on. It differs from the checkpoint's own key after
 * `vmbuild ssh --save`.
 */
export function parentKeyOf(checkpoint: Pick<Checkpoint, "key" | "changedByHand">): string {
  const { key, changedByHand } = checkpoint;
  return changedByHand === undefined ? key : keyAfterChange(key, changedByHand);
}

/** Largest number of steps that may be cached, and the reason for the limit. */
interface ReuseLimit {
  /** -1: not even the checkpoint before the first step may be used. */
  readonly count: number;
  /** Empty where there is no limit. */
  readonly reason: string;
}

function reuseLimit(steps: readonly Step[], options: ResumeOptions): ReuseLimit {
  if (options.force) return { count: -1, reason: options.forcedBy ?? "--force" };
  const uncached = steps.findIndex((step) => !step.cache);
  const from = steps.findIndex((step) => step.name === options.from);
  if (from !== -1 && (uncached === -1 || from <= uncached)) {
    return { count: from, reason: "--from" };
  }
  if (uncached !== -1) return { count: uncached, reason: '"cache": false' };
  return { count: steps.length, reason: "" };
}

/** Finds the last checkpoint of the same step, for comparison. */
function lastCheckpointOf(
  index: number,
  name: string,
  store: StoredCheckpoints,
): Checkpoint | undefined {
  return store.checkpoints
    .filter((checkpoint) => (index === 0 ? checkpoint.index === 0 : checkpoint.step === name))
    .toSorted((one, other) => other.createdAt.localeCompare(one.createdAt))
    .at(0);
}

/** Describes what changed since the last checkpoint of step `index`. */
async function describeChange(index: number, input: DecideInput): Promise<string> {
  const { chain, steps, store, texts } = input;
  const { records } = store;
  if (!records) return "no checkpoints";
  const root = await explainDifferences(records.root, chain.root, texts.path);
  if (root !== "") return root;
  const name = steps[index - 1]?.name ?? "";
  const before = lastCheckpointOf(index, name, store);
  const now = chain.steps[index - 1];
  if (!before || !now) return "no checkpoint of this step";
  const changes = await explainDifferences(before.manifest, now, texts.path);
  return changes === "" ? "an earlier step changed" : changes;
}

/** Returns why step `cachedSteps + 1` runs; empty where no step does. */
async function reasonToRun(
  cachedSteps: number,
  limit: ReuseLimit,
  input: DecideInput,
): Promise<string> {
  if (input.options.force) return limit.reason;
  if (limit.reason !== "" && cachedSteps === limit.count) return limit.reason;
  if (cachedSteps === input.steps.length) return "";
  return describeChange(cachedSteps + 1, input);
}

/** Finds where a run starts. Pure, except that it reads stored texts to explain a change. */
export async function decide(input: DecideInput): Promise<Decision> {
  const { chain, steps, store, options } = input;
  const { keys, changed, finalKey } = computeKeys(chain, store.checkpoints);
  const limit = reuseLimit(steps, options);
  // The newest valid checkpoint is the start. Earlier ones are used if it cannot be loaded.
  const candidates = store.checkpoints
    .filter(({ index, key }) => index <= limit.count && keys[index] === key)
    .toSorted((one, other) => other.index - one.index);
  const cachedSteps = candidates[0]?.index ?? 0;
  const reason = await reasonToRun(cachedSteps, limit, input);
  return {
    keys,
    finalKey,
    cachedSteps,
    candidates,
    steps: steps.map(({ name }, position) => decideStep(name, position + 1, cachedSteps, reason)),
    changedByHand: changed.filter(({ index }) => index <= cachedSteps).map(({ step }) => step),
  };
}

function decideStep(
  step: string,
  index: number,
  cachedSteps: number,
  reason: string,
): StepDecision {
  if (index <= cachedSteps) return { step, index, cached: true, reason: "" };
  return {
    step,
    index,
    cached: false,
    reason: index === cachedSteps + 1 ? reason : "an earlier step runs",
  };
}

/** Summarizes a decision in one line: the number of cached steps, and why the next one runs. */
export function summarize({ steps, cachedSteps }: Pick<Decision, "steps" | "cachedSteps">): string {
  const first = steps.find((step) => !step.cached);
  if (!first) return `all ${cachedSteps} steps are cached`;
  const after =
    cachedSteps === 0
      ? ""
      : `; first step to run after ${cachedSteps} cached ${cachedSteps === 1 ? "step" : "steps"}`;
  return `step ${first.index} (${first.step}) runs: ${first.reason}${after}`;
}
