/** Previews a run: which steps would be cached and which would run. */
import { requireOwnFolder } from "../../artifact/output-owner.js";
import { isLocked, tryLock } from "../../host/lock.js";
import type { HeldLock } from "../../host/lock.js";
import { createContext } from "../context.js";
import type { BuildOptions, RunContext } from "../context.js";
import { Meter } from "../meter.js";
import { planOutput } from "../../requirements/plan.js";
import { outputTarget } from "../output.js";
import { prepare } from "../prepare.js";
import { buildPaths, lockError, runPaths } from "../../builds/workspace.js";
import type { BuildPaths, Workspace } from "../../builds/workspace.js";
import { makePrivateFolder, statIfThere } from "../../host/files.js";
import { applyMaxAge } from "./max-age.js";
import { hasSharedCheckpoint } from "./shared.js";
import { planRun } from "./plan.js";
import type { RunPlan } from "./plan.js";

/** Result of a preview. */
export interface RunPreview {
  readonly plan: RunPlan;
  /** True when another build has shared a booted guest that this one can start from. */
  readonly hasSharedGuest: boolean;
}

/** Creates a workspace that does not write anything. */
function readOnlyWorkspace(name: string, once: boolean): Workspace {
  const build = buildPaths(name);
  return {
    runId: "preview",
    build,
    run: runPaths(build, "preview"),
    work: once ? build.once : build,
    tidied: [],
    failedStep: undefined,
    update: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/**
 * Takes the build's lock, so that its data does not change. Read-only, it only checks that no run
 * is in progress, so that none is kept from starting.
 * @throws {VmbuildError} BUILD_LOCKED while a run is in progress.
 */
async function holdBuild(
  name: string,
  build: BuildPaths,
  readOnly: boolean,
): Promise<HeldLock | undefined> {
  if (readOnly) {
    const isThere = (await statIfThere(build.lock)) !== undefined;
    if (isThere && (await isLocked(build.lock))) throw await lockError(name, build.lock);
    return undefined;
  }
  await makePrivateFolder(build.folder);
  const lock = await tryLock(build.lock);
  if (!lock) throw await lockError(name, build.lock);
  return lock;
}

/**
 * Fetches what a run would fetch, and makes the same decisions.
 * @param settings `readOnly`: do not change the data of the build either.
 * @throws {VmbuildError} BUILD_LOCKED while a run is in progress; any error that ends a run
 *   before its machine starts.
 */
export async function createRunPreview(
  given: BuildOptions,
  { readOnly = false }: { readonly readOnly?: boolean } = {},
): Promise<RunPreview> {
  const options = await applyMaxAge(given);
  const { template } = options;
  const once = options.checkpoints === false || template.checkpoints === false;
  const workspace = readOnlyWorkspace(template.name, once);
  const { build } = workspace;
  await using _lock = await holdBuild(template.name, build, readOnly);
  const output = planOutput(template, options.outputDirectory);
  const context: RunContext = createContext({ options, workspace, output, meter: new Meter() });
  if (options.until === undefined) await requireOwnFolder(outputTarget(context));
  const prepared = await prepare(context, undefined);
  const plan = await planRun(context, prepared, { ...options, preview: true, readOnly });
  const [key = ""] = plan.decision.keys;
  return {
    plan,
    hasSharedGuest: !options.force && template.seal !== false && (await hasSharedCheckpoint(key)),
  };
}
