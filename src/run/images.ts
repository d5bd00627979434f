/** Writes the images of an artifact under temporary names. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { checksumPath } from "../artifact/checksum-files.js";
import { compactAll } from "../artifact/compact.js";
import type { CompactedImage } from "../artifact/compact.js";
import { ALGORITHMS, digestFile } from "../artifact/digest.js";
import type { Digests } from "../artifact/digest.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import { Staging, removeAbandoned } from "../artifact/publish.js";
import { makeFolder } from "../host/files.js";
import { imageNames, packageNames } from "../requirements/plan.js";
import type { ImagePlan } from "../requirements/plan.js";
import type { ContextWith } from "./context.js";

/** Image of the artifact, under its temporary name. */
export interface FinishedImage extends CompactedImage {
  readonly plan: ImagePlan;
  readonly checksums: Digests;
}

/** Removes what a killed run has left of this artifact, and opens a new staging. */
export async function openStaging({
  output,
  workspace,
}: ContextWith<"output" | "workspace">): Promise<Staging> {
  await makeFolder(output.folder);
  const filenames = imageNames(output);
  const sums = filenames.flatMap((filename) =>
    ALGORITHMS.map((algorithm) => checksumPath(filename, algorithm)),
  );
  const companions = [...(await readdir(workspace.run.outputs)), ...packageNames(output)];
  const names = [...filenames, ...sums, MANIFEST_NAME, ...companions];
  await removeAbandoned(names.map((name) => join(output.folder, name)));
  return new Staging(output.folder);
}

/**
 * Writes all images under temporary names, and computes their checksums.
 * @param disk path of the stopped machine's disk.
 * @throws {VmbuildError} ARTIFACT_CONVERT, ARTIFACT_SPACE, ARTIFACT_DIGEST.
 */
export async function makeImages(
  context: ContextWith<"emit" | "output" | "options" | "template" | "phase">,
  disk: string,
  staging: Staging,
): Promise<FinishedImage[]> {
  const { emit, output, options, template } = context;
  const { signal } = options;
  const { cpus, memory, firmware } = template.machine;
  const { name, version } = template;
  const conversions = output.images.map((plan) => ({
    ...plan,
    source: disk,
    destination: staging.reserve(plan.filename, "image"),
    reproducible: output.reproducible,
    machine: { name, version, cpus, memory, firmware },
    emit,
    signal,
  }));
  const images = await context.phase("compact", () => compactAll(conversions));
  const digest = async (): Promise<FinishedImage[]> => {
    const finished: FinishedImage[] = [];
    for (const [index, plan] of output.images.entries()) {
      const image = images[index];
      if (!image) continue;
      const path = staging.reserve(plan.filename, "image");
      const checksums = await digestFile(path, output.checksums, { emit, signal });
      finished.push({ ...image, plan, checksums });
    }
    return finished;
  };
  return context.phase("digest", digest, { own: true });
}
