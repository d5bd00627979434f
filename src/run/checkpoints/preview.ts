/** Looks at what a run would keep and what it would do, without running anything. */
import { rm } from "node:fs/promises";
import { requireOwnFolder } from "../../artifact/output-owner.js";
import { tryLock } from "../../host/lock.js";
import { createContext } from "../context.js";
import type { BuildOptions, RunContext } from "../context.js";
import { Meter } from "../meter.js";
import { planOutput } from "../../requirements/plan.js";
import { outputTarget } from "../output.js";
import { prepare } from "../prepare.js";
import { buildPaths, lockError, runPaths } from "../../builds/workspace.js";
import type { Workspace } from "../../builds/workspace.js";
import { makePrivateFolder } from "../../host/files.js";
import { isShared } from "./shared.js";
import { planRun } from "./plan.js";
import type { RunPlan } from "./plan.js";

/** What a run would find. */
export interface Outlook {
  readonly plan: RunPlan;
  /** Whether another build left a booted guest that this one can start from. */
  readonly sharedReady: boolean;
}

/** A workspace that nothing is written to. */
function quietWorkspace(name: string, once: boolean): Workspace {
  const build = buildPaths(name);
  return {
    runId: "look",
    build,
    run: runPaths(build, "look"),
    work: once ? build.once : build,
    tidied: [],
    failedStep: undefined,
    update: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Fetches what a run would fetch, and decides what it would decide.
 * @throws {VmbuildError} BUILD_LOCKED while a run is under way; whatever ends a run before its
 *   machine starts.
 */
export async function lookAhead(options: BuildOptions): Promise<Outlook> {
  const { template } = options;
  const once = options.checkpoints === false || template.checkpoints === false;
  const workspace = quietWorkspace(template.name, once);
  const { build } = workspace;
  await makePrivateFolder(build.folder);
  await using lock = await tryLock(build.lock);
  if (!lock) throw await lockError(template.name, build.lock);
  const output = planOutput(template, options.outputDirectory);
  const context: RunContext = createContext({ options, workspace, output, meter: new Meter() });
  if (options.until === undefined) await requireOwnFolder(outputTarget(context));
  const prepared = await prepare(context);
  const plan = await planRun(context, prepared, { ...options, preview: true });
  const [key = ""] = plan.decision.keys;
  return { plan, sharedReady: !options.force && template.seal && (await isShared(key)) };
}

/**
 * Removes a build's states of some steps, and those that were made on top of them; all of them
 * where no step is named.
 * @returns how many there were.
 */
export async function removeCheckpoints(
  name: string,
  steps: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const { CheckpointStore } = await import("../../checkpoints/store.js");
  const build = buildPaths(name);
  await using lock = await tryLock(build.lock);
  if (!lock) throw await lockError(name, build.lock);
  const { store, found } = await CheckpointStore.open(build, signal);
  const first = Math.min(
    ...store.checkpoints.filter(({ step }) => steps.includes(step)).map(({ index }) => index),
  );
  const going = store.checkpoints.filter(({ index }) => steps.length === 0 || index >= first);
  const failed = steps.length === 0 && store.failed ? [store.failed.tag] : [];
  const tags = [...going.map(({ tag }) => tag), ...failed];
  await store.removeStopped([...tags, ...found.orphans], signal);
  if (store.checkpoints.length === 0) await rm(build.texts, { recursive: true, force: true });
  return tags.length;
}
