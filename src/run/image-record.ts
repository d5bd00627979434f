/** Records the image that a run has published. */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { MANIFEST_NAME, describingFiles, readManifest } from "../artifact/manifest.js";
import { CACHE_KEY_NAME } from "../artifact/names.js";
import type { ArtifactReport, RunResult } from "../events/result.js";
import { writeCacheKey } from "./checkpoints/cache-key.js";
import { digestOutputs, imageKey, writePublishedRecord } from "./checkpoints/published.js";
import type { PublishedImage } from "./checkpoints/published.js";
import type { RunContext } from "./context.js";

/** Copies a report into the record's own type, which is mutable. */
function recordable(artifact: ArtifactReport): PublishedImage["artifact"] {
  return { ...artifact, checksums: { ...artifact.checksums } };
}

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
  const cacheKey = join(output.folder, CACHE_KEY_NAME);
  await rm(published, { force: true });
  const { artifact, otherArtifacts = [], manifest, steps } = result;
  if (key === undefined || !artifact || manifest === undefined) {
    await rm(cacheKey, { force: true });
    return;
  }
  const companions = await readdir(workspace.run.outputs);
  const names = [...companions, ...describingFiles(await readManifest(manifest))];
  const artifacts = [artifact, ...otherArtifacts];
  const sums = artifacts.flatMap(({ path, checksums }) =>
    Object.keys(checksums).map((algorithm) => `${path}.${algorithm}`),
  );
  const files = [
    ...artifacts.map(({ path }) => path),
    join(output.folder, MANIFEST_NAME),
    ...sums,
    ...names.map((name) => join(output.folder, name)),
  ];
  const record = {
    key: imageKey(key, template, output),
    artifact: recordable(artifact),
    otherArtifacts: otherArtifacts.map(recordable),
    manifest,
    outputs: await digestOutputs(workspace.run.outputs, context.options.signal),
    steps: steps.map(({ name, durationMs }) => ({ name, durationMs })),
  };
  await writePublishedRecord(published, record, files);
  await writeCacheKey(record);
}
