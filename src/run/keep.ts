/** What a run leaves on this host for the next one, and how it presents an image that is there. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import type { RunResult } from "../events/result.js";
import { describeExit, runProgram } from "../host/programs.js";
import { describeOutputs, imageKey, writePublishedRecord } from "./checkpoints/published.js";
import type { Published } from "./checkpoints/published.js";
import type { RunPlan } from "./checkpoints/plan.js";
import type { RunContext, Uses } from "./context.js";
import type { StepRecord } from "./steps.js";

/** The result of a run that had nothing to do. */
export function presentImage(
  context: Uses<"template" | "workspace" | "warnings">,
  published: Published,
): RunResult {
  const { template, workspace, warnings } = context;
  return {
    name: template.name,
    version: template.version,
    upToDate: true,
    artifact: published.artifact,
    manifest: published.manifest,
    runFolder: workspace.run.folder,
    steps: published.steps.map((step) => ({ ...step, restored: true })),
    warnings,
  };
}

/** The result of a run that was told to stop after a step. */
export function stoppedResult(context: RunContext, steps: readonly StepRecord[]): RunResult {
  const { template, workspace, warnings, options } = context;
  return {
    name: template.name,
    version: template.version,
    upToDate: false,
    ...(options.until === undefined ? {} : { until: options.until }),
    runFolder: workspace.run.folder,
    steps,
    warnings,
    hints: [`Open a shell: vmbuild ssh ${template.name}`, `Continue: vmbuild run ${template.name}`],
  };
}

/** Notes what was published and from what, so that the next run can tell that nothing changed. */
export async function rememberImage(
  context: RunContext,
  result: RunResult,
  key: string | undefined,
): Promise<void> {
  const { workspace, template, output } = context;
  const { published } = workspace.build;
  await rm(published, { force: true });
  const { artifact, manifest, steps } = result;
  if (key === undefined || !artifact || manifest === undefined) return;
  const names = await readdir(workspace.run.outputs);
  const sums = Object.keys(artifact.checksums).map((algorithm) => `${artifact.path}.${algorithm}`);
  const files = [
    artifact.path,
    join(output.folder, MANIFEST_NAME),
    ...sums,
    ...names.map((name) => join(output.folder, name)),
  ];
  const record = {
    key: imageKey(key, template, output),
    artifact: { ...artifact, checksums: { ...artifact.checksums } },
    manifest,
    outputs: await describeOutputs(workspace.run.outputs, context.options.signal),
    steps: steps.map(({ name, durationMs }) => ({ name, durationMs })),
  };
  await writePublishedRecord(published, record, files);
}

/**
 * Leaves the working disk as the next run wants it: without what sealing and switching off wrote,
 * since that run begins with a saved state; and without a failure that is mended.
 */
export async function tidyDisk(context: RunContext, { store }: RunPlan): Promise<void> {
  const { options, emit } = context;
  const { signal } = options;
  const { failed } = store;
  if (failed) await context.wait(() => store.removeStopped([failed.tag], signal));
  const last = store.checkpoints.toSorted((one, other) => other.index - one.index)[0];
  if (!last) {
    await store.forget();
    return removeDisk(context);
  }
  const args = ["snapshot", "-q", "-a", last.tag, store.paths.disk];
  const result = await context.wait(() => runProgram("qemu-img", args, { signal }));
  if (result.exitCode === 0) return;
  const message = `Obsolete data could not be removed from the working disk: qemu-img: ${describeExit(result)}`;
  emit({ type: "note", message });
}

/** A working disk without states is of no use to anybody, unless somebody asked for it. */
async function removeDisk({ workspace, options }: Uses<"workspace" | "options">): Promise<void> {
  if (options.keepWork) return;
  const { build, work } = workspace;
  const paths = [work.disk, work.base, work.seed, work.firmwareVariables, work.keys];
  for (const path of paths) await rm(path, { recursive: true, force: true });
  if (work === build.once) await rm(work.folder, { recursive: true, force: true });
}

/** What runs again leaves nothing behind that a later run could take for it. */
export async function dropWhatRunsAgain(
  context: Uses<"options" | "workspace">,
  plan: RunPlan,
): Promise<void> {
  const { options, workspace } = context;
  if (!options.force && options.from === undefined) return;
  await rm(workspace.build.published, { force: true });
  const { kept } = plan.decision;
  const after = plan.store.checkpoints.filter(({ index }) => options.force || index > kept);
  await plan.store.removeStopped(
    after.map(({ tag }) => tag),
    options.signal,
  );
}
