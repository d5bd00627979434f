/** Prepares a build's working disk for the next run. */
import { rm } from "node:fs/promises";
import { describeExit, runProgram } from "../host/programs.js";
import type { RunPlan } from "./checkpoints/plan.js";
import type { RunContext, ContextWith } from "./context.js";

/**
 * Prepares the working disk for the next run: removes the checkpoint of a failed step, and the data
 * that was written after the last checkpoint, by sealing for example.
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
  for (const disk of store.disks) {
    const args = ["snapshot", "-q", "-a", last.tag, disk];
    const result = await context.wait(() => runProgram("qemu-img", args, { signal }));
    if (result.exitCode === 0) continue;
    const message = `Obsolete data could not be removed from the working disk: qemu-img: ${describeExit(result)}`;
    emit({ type: "note", message });
  }
}

/** Removes a working disk without checkpoints, unless `--keep-work` is given. */
async function removeWorkDisk({
  workspace,
  options,
}: ContextWith<"workspace" | "options">): Promise<void> {
  if (options.keepWork) return;
  const { build, work } = workspace;
  const paths = [work.disk, work.disks, work.base, work.seed, work.firmwareVariables, work.keys];
  for (const path of paths) await rm(path, { recursive: true, force: true });
  if (work === build.once) await rm(work.folder, { recursive: true, force: true });
}

/**
 * Removes the checkpoints of steps that run again, and the record of the image: a later run must
 * not use them.
 */
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
