/** Checks whether an existing artifact is complete, without reading its images. */
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { readIfThere, statIfThere } from "../host/files.js";
import { checksumPath, formatChecksum } from "./checksum-files.js";
import type { Algorithm } from "./digest.js";
import { MANIFEST_NAME, readManifest } from "./manifest.js";
import type { Manifest, ManifestFile } from "./manifest.js";

async function problemsOf(folder: string, file: ManifestFile): Promise<string[]> {
  const path = join(folder, file.name);
  const status = await statIfThere(path);
  if (!status) return [`${file.name} is missing`];
  const problems: string[] = [];
  if (Number(status.size) !== file.size) {
    problems.push(`${file.name} has ${status.size} bytes instead of ${file.size}`);
  }
  for (const [algorithm, hex] of Object.entries(file.checksums) as [Algorithm, string][]) {
    const text = await readIfThere(checksumPath(path, algorithm));
    if (text === undefined) problems.push(`${file.name}.${algorithm} is missing`);
    else if (text !== formatChecksum(hex, file.name)) {
      problems.push(`${file.name}.${algorithm} differs from the manifest`);
    }
  }
  return problems;
}

/**
 * Returns the manifest of the artifact in `folder` if its files, sizes and checksum files match.
 * The content of the images is not read; `sha256sum -c` verifies it.
 * @throws {VmbuildError} ARTIFACT_INVALID, with each problem.
 */
export async function readPublished(folder: string): Promise<Manifest> {
  const manifest = await readManifest(join(folder, MANIFEST_NAME));
  const problems = await Promise.all(manifest.files.map((file) => problemsOf(folder, file)));
  if (problems.flat().length === 0) return manifest;
  throw new VmbuildError("ARTIFACT_INVALID", `The artifact in ${folder} is incomplete`, {
    lines: problems.flat(),
  });
}
