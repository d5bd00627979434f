/** Finds the images that the last successful run of a build has published. */
import { basename, dirname, join } from "node:path";
import { MANIFEST_NAME, readManifest } from "../artifact/manifest.js";
import { sizeOnDisk, statIfThere } from "../host/files.js";
import type { BuildSummary } from "./records.js";

/** Image of a build on this host. */
export interface BuildImage {
  /** Absolute. */
  readonly path: string;
  /** Bytes that it takes on disk. */
  readonly size: number;
}

/** Returns the names of all images of an artifact, by the manifest beside one of them. */
async function namesBeside(artifact: string, build: string): Promise<string[]> {
  const own = basename(artifact);
  try {
    const { name, files } = await readManifest(join(dirname(artifact), MANIFEST_NAME));
    const names = files.map((file) => file.name);
    // Another template may have written it since.
    return name === build && names.includes(own) ? names : [own];
  } catch {
    // Without a readable manifest, only the image of the record is known.
    return [own];
  }
}

/**
 * Returns the images of a build that still exist: one for each format, and those of further disks.
 * The image of the run's record is the first one.
 */
export async function imagesOf({ name, runs }: BuildSummary): Promise<BuildImage[]> {
  const artifact = runs.findLast((run) => run.artifact !== undefined)?.artifact;
  if (artifact === undefined) return [];
  const images: BuildImage[] = [];
  for (const file of await namesBeside(artifact, name)) {
    const path = join(dirname(artifact), file);
    if (await statIfThere(path)) images.push({ path, size: await sizeOnDisk(path) });
  }
  return images;
}
