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
import { imageNames, describingNames, planMachine } from "../requirements/plan.js";
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
  const companions = [...(await readdir(workspace.run.outputs)), ...describingNames(output)];
  const names = [...filenames, ...sums, MANIFEST_NAME, ...companions];
  await removeAbandoned(names.map((name) => join(output.folder, name)));
  return new Staging(output.folder);
}

/** Paths of the disks of a stopped machine; the further ones by name. */
interface SourceDisks {
  readonly disk: string;
  readonly disks: ReadonlyMap<string, string>;
}

/** Returns the conversions of each disk, in the order of the images. */
function byDisk<T extends { readonly source: string }>(conversions: readonly T[]): T[][] {
  const groups = new Map<string, T[]>();
  for (const one of conversions) {
    groups.set(one.source, [...(groups.get(one.source) ?? []), one]);
  }
  return [...groups.values()];
}

/**
 * Writes all images under temporary names, and computes their checksums.
 * @throws {VmbuildError} ARTIFACT_CONVERT, ARTIFACT_SPACE, ARTIFACT_DIGEST.
 */
export async function makeImages(
  context: ContextWith<"emit" | "output" | "options" | "template" | "phase">,
  disks: SourceDisks,
  staging: Staging,
): Promise<FinishedImage[]> {
  const { emit, output, options, template } = context;
  const { signal } = options;
  const { cpus, memory } = template.machine;
  const { firmware } = planMachine(template);
  const { name, version } = template;
  const conversions = output.images.map((plan) => ({
    ...plan,
    source: (plan.disk === undefined ? undefined : disks.disks.get(plan.disk)) ?? disks.disk,
    destination: staging.reserve(plan.filename, "image"),
    reproducible: output.reproducible,
    machine: { name, version, cpus, memory, firmware },
    emit,
    signal,
  }));
  const compactDisks = async (): Promise<CompactedImage[]> => {
    const done: CompactedImage[] = [];
    // The images of further disks are the last ones, so the order stays that of the plan.
    for (const group of byDisk(conversions)) done.push(...(await compactAll(group)));
    return done;
  };
  const images = await context.phase("compact", compactDisks);
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
