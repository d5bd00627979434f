/** Prepares a build's working disk for the next run. */
import { rm } from "node:fs/promises";
import { describeExit, runProgram } from "../host/programs.js";
import type { RunPlan } from "./checkpoints/plan.js";
import type { RunContext, ContextWith } from "./context.js";

/**
 * Leaves the working disk as the next run wants it: without what sealing and switching off wrote,
 * since that run begins with a saved state; and without a failure that is mended.
 */
export async function restoreLastCheckpoint(
  context: RunContext,
  { store }: RunPlan,
): Promise<void> {
  const { options, emit } = context;
  const { signal } = options;
  const { failed } = store;
  if (failed) await context.wait(() => store.removeWithSnapshots([failed.tag], signal));
  const last = store.checkpoints.toSorted((one, other) => other.index - one.index)[0];
  if (!last) {
    await store.clear();
    return removeWorkDisk(context);
  }
  const args = ["snapshot", "-q", "-a", last.tag, store.paths.disk];
  const result = await context.wait(() => runProgram("qemu-img", args, { signal }));
  if (result.exitCode === 0) return;
  const message = `Obsolete data could not be removed from the working disk: qemu-img: ${describeExit(result)}`;
  emit({ type: "note", message });
}

/** A working disk without states is of no use to anybody, unless somebody asked for it. */
async function removeWorkDisk({
  workspace,
  options,
}: ContextWith<"workspace" | "options">): Promise<void> {
  if (options.keepWork) return;
  const { build, work } = workspace;
  const paths = [work.disk, work.base, work.seed, work.firmwareVariables, work.keys];
  for (const path of paths) await rm(path, { recursive: true, force: true });
  if (work === build.once) await rm(work.folder, { recursive: true, force: true });
}

/** What runs again leaves nothing behind that a later run could take for it. */
export async function removeObsolete(
  context: ContextWith<"options" | "workspace">,
  plan: RunPlan,
): Promise<void> {
  const { options, workspace } = context;
  if (!options.force && options.from === undefined) return;
  await rm(workspace.build.published, { force: true });
  const { cachedSteps } = plan.decision;
  const after = plan.store.checkpoints.filter(({ index }) => options.force || index > cachedSteps);
  await plan.store.removeWithSnapshots(
    after.map(({ tag }) => tag),
    options.signal,
  );
}
