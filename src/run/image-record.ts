/** Records the image that a run has published. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import type { RunResult } from "../events/result.js";
import { digestOutputs, imageKey, writePublishedRecord } from "./checkpoints/published.js";
import type { RunContext } from "./context.js";

/**
 * Records the published image and its key, so that the next run can tell whether anything changed.
 */
export async function recordImage(
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
    outputs: await digestOutputs(workspace.run.outputs, context.options.signal),
    steps: steps.map(({ name, durationMs }) => ({ name, durationMs })),
  };
  await writePublishedRecord(published, record, files);
}
