/**
 * Plans a run before its machine starts: which steps are cached, which run and why, and whether the
 * image is up to date.
 */
import { rm } from "node:fs/promises";
import { DEFAULT_LIMITS } from "../../checkpoints/retention.js";
import type { RetentionLimits } from "../../checkpoints/retention.js";
import { CheckpointStore, StoredTexts } from "../../checkpoints/store.js";
import { copyTree } from "../../host/copy.js";
import { makePrivateFolder, statIfThere } from "../../host/files.js";
import { diskBus } from "../../machine/disk-bus.js";
import type { Template } from "../../template/load.js";
import type { BuildOptions, RunContext, ContextWith } from "../context.js";
import type { Prepared } from "../prepare.js";
import { createStepDescriber, rootManifest, stepManifest } from "./manifests.js";
import type { StepDescriber } from "./manifests.js";
import { decide, summarize } from "./decide.js";
import type { ManifestChain, Decision, ResumeOptions } from "./decide.js";
import { hasHostActions, rerunHostActions } from "./rerun-actions.js";
import { argumentsNameFiles, findUpToDateImage } from "./up-to-date.js";
import type { ImageState } from "./up-to-date.js";

/** Digits of a key that are shown. */
const KEY_DIGITS = 12;

/** Plan of a run. */
export interface RunPlan extends ImageState {
  readonly store: CheckpointStore;
  readonly texts: StoredTexts;
  readonly describer: StepDescriber;
  readonly chain: ManifestChain;
  readonly decision: Decision;
  /** Undefined where no checkpoints are saved. */
  readonly limits: RetentionLimits | undefined;
}

/** Returns why a template's machine cannot be saved; undefined where it can. */
function preventsCheckpoints(template: Template): string | undefined {
  if (argumentsNameFiles(template)) {
    return "machine.arguments name files, which a checkpoint does not include";
  }
  const { diskBus: root, disks } = template.machine;
  const buses = [root, ...disks.map(({ bus }) => bus)];
  return buses.map((bus) => diskBus(bus).unsavable).find((reason) => reason !== undefined);
}

function limitsOf(context: ContextWith<"template" | "options">): RetentionLimits | undefined {
  const { checkpoints } = context.template;
  if (context.options.checkpoints === false || checkpoints === false) return undefined;
  if (preventsCheckpoints(context.template) !== undefined) return undefined;
  if (checkpoints === true) return DEFAULT_LIMITS;
  return { count: checkpoints.keep, size: checkpoints.size };
}

async function openStore(
  context: RunContext,
  usable: boolean,
  readOnly: boolean,
): Promise<CheckpointStore> {
  const { workspace, options, emit } = context;
  if (!usable) return CheckpointStore.empty(workspace.work);
  if (readOnly) return CheckpointStore.recorded(workspace.work);
  const { store, found } = await context.wait(() =>
    CheckpointStore.open(workspace.work, options.signal),
  );
  for (const message of found.losses) emit({ type: "warning", message });
  if (found.orphans.length > 0) {
    const message = `Removed ${found.orphans.length} incomplete snapshots of a killed run`;
    emit({ type: "note", message });
  }
  await store.removeWithSnapshots(found.orphans, options.signal);
  return store;
}

async function describeChain(prepared: Prepared, describer: StepDescriber): Promise<ManifestChain> {
  const { template, signal } = describer;
  const root = await rootManifest(template, prepared, signal);
  const steps = [];
  for (const step of template.steps) steps.push(await stepManifest(step, describer));
  return { root, steps };
}

/** Copies the files that cached steps created for the output folder into this run's folder. */
async function restoreOutputs(
  context: ContextWith<"workspace">,
  store: CheckpointStore,
  tag: string | undefined,
) {
  const { outputs } = context.workspace.run;
  await rm(outputs, { recursive: true, force: true });
  await makePrivateFolder(outputs);
  if (tag === undefined || !(await statIfThere(store.outputsOf(tag)))) return;
  await copyTree(store.outputsOf(tag), outputs);
}

/**
 * Finds the usable checkpoints and decides where the run starts. Local actions of cached steps run
 * here; they may change what later steps use, so that fewer steps are cached.
 * @param resume `preview`: only decide; do not run local actions. `readOnly`: in addition, do not
 *   change the data of the build.
 */
export async function planRun(
  context: RunContext,
  prepared: Prepared,
  resume: ResumeOptions & { readonly preview?: boolean; readonly readOnly?: boolean } = {},
): Promise<RunPlan> {
  const { template, workspace, options } = context;
  const { signal } = options;
  const limits = limitsOf(context);
  const { readOnly = false } = resume;
  const store = await openStore(context, limits !== undefined, readOnly);
  const texts = new StoredTexts(workspace.build.texts);
  const storeText = limits && !readOnly ? texts.store : undefined;
  const describer = await createStepDescriber(template, prepared.inputs, storeText, signal);
  const describeAndDecide = async (): Promise<{ chain: ManifestChain; decision: Decision }> => {
    const chain = await describeChain(prepared, describer);
    const decision = await decide({
      chain,
      steps: template.steps,
      store,
      texts,
      options: resume,
    });
    return { chain, decision };
  };
  let { chain, decision } = await describeAndDecide();
  if (!resume.preview) {
    await restoreOutputs(context, store, decision.candidates[0]?.tag);
    for (let index = 0; index < decision.cachedSteps; index++) {
      const step = template.steps[index];
      if (!step || !hasHostActions(step)) continue;
      await rerunHostActions(context, step, index + 1);
      const before = decision.cachedSteps;
      ({ chain, decision } = await describeAndDecide());
      if (decision.cachedSteps < before)
        await restoreOutputs(context, store, decision.candidates[0]?.tag);
    }
  }
  const found = await findUpToDateImage(context, decision, resume);
  return { store, texts, describer, chain, decision, limits, ...found };
}

/**
 * Returns the indexes of the first step that will run, counted from 0, and of the one after the
 * last.
 */
export function stepsToRun(
  { template, until }: Pick<BuildOptions, "template" | "until">,
  plan: RunPlan,
): { from: number; to: number } {
  const last = template.steps.findIndex(({ name }) => name === until);
  return { from: plan.decision.cachedSteps, to: last === -1 ? template.steps.length : last + 1 };
}

/** Reports which steps are cached, and why the others run. */
export function announcePlan(
  { emit, template }: ContextWith<"template" | "emit">,
  plan: RunPlan,
): void {
  const { decision, upToDate, miss } = plan;
  const reason = preventsCheckpoints(template);
  if (reason !== undefined) {
    emit({ type: "note", message: `Checkpoints are disabled: ${reason}` });
  }
  if (upToDate) {
    const key = upToDate.key.slice(0, KEY_DIGITS);
    const message = `Cache hit: nothing that ${upToDate.artifact.path} depends on has changed (key ${key})`;
    emit({ type: "note", message });
  }
  if (miss !== undefined) emit({ type: "note", message: `Cache miss: ${miss}` });
  if (template.steps.length === 0 || plan.store.checkpoints.length === 0) return;
  emit({ type: "note", message: summarize(decision) });
  for (const step of decision.changedByHand) {
    emit({
      type: "warning",
      message: `The checkpoint after ${step} was modified with vmbuild ssh --save; all later steps are based on it`,
      hint: `To discard it, run vmbuild checkpoints ${template.name} rm ${step}`,
    });
  }
}
