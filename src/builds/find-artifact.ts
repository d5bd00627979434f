/** Finds a template's finished image on disk and checks that it is complete. */
import { join } from "node:path";
import { diskFiles, startableFile } from "../artifact/manifest.js";
import type { Manifest } from "../artifact/manifest.js";
import { readOwner } from "../artifact/output-owner.js";
import { readPublished } from "../artifact/published.js";
import { IMAGE_FORMATS, isStartable } from "../artifact/registry.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { DEFAULT_ARCHITECTURE } from "../machine/architectures/registry.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import { planOutput } from "../requirements/plan.js";
import type { Template } from "../template/load.js";

/** Finished image. */
export interface FoundArtifact {
  /** Absolute path. */
  readonly path: string;
  /** SHA-256 in hexadecimal, if the manifest has it. */
  readonly digest?: string;
  /** Architecture of the guest. */
  readonly arch: ArchitectureName;
  /** Absolute paths of the images of further disks, by the names of the disks. */
  readonly disks: ReadonlyMap<string, string>;
  readonly manifest: Manifest;
}

/** Artifact of a template, whose images may have any format. */
export interface PublishedArtifact {
  /** Absolute path of the output folder. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/**
 * Finds the artifact by the manifest in the template's output folder. A manifest of another template
 * is not accepted.
 * @throws {VmbuildError} INPUT_MISSING when it was not built or is incomplete.
 */
export async function findPublished(
  template: Template,
  directory?: string,
): Promise<PublishedArtifact> {
  const { folder } = planOutput(template, directory);
  const hint = `Build it first: vmbuild run ${template.name}`;
  const missing = `${template.name} has no finished image in ${folder}`;
  // This is checked first, because problems of another template's image are irrelevant.
  const owner = await readOwner(folder).catch(() => undefined); // An error is reported below as a missing image.
  if (owner !== undefined && owner !== template.name) {
    throw new VmbuildError(
      "INPUT_MISSING",
      `${missing}: the image in it belongs to another template, "${owner}"`,
      {
        hint: `Use a different output folder for each template. ${hint} --output DIR`,
        details: { folder, owner },
      },
    );
  }
  const manifest = await readPublished(folder).catch((cause: unknown) => {
    const { message, lines } = asVmbuildError(cause);
    throw new VmbuildError("INPUT_MISSING", missing, { cause, hint, lines: [message, ...lines] });
  });
  return { folder, manifest };
}

/**
 * Finds the image by the manifest in the template's output folder.
 * @throws {VmbuildError} INPUT_MISSING when it was not built, is incomplete, or has a format that
 *   no machine can start from.
 */
export async function findArtifact(template: Template, directory?: string): Promise<FoundArtifact> {
  const { folder, manifest } = await findPublished(template, directory);
  const file = startableFile(manifest);
  if (!file) {
    const formats = manifest.files
      .filter(({ disk }) => disk === undefined)
      .map(({ format, pack }) => (pack === undefined ? format : `${format}, packed as ${pack}`))
      .join("; ");
    const startable = IMAGE_FORMATS.filter((format) => isStartable({ format }));
    throw new VmbuildError(
      "INPUT_MISSING",
      `The finished image of ${template.name} in ${folder} cannot be booted (${formats})`,
      { hint: `Build it as one of: ${startable.join(", ")}, without output.pack.` },
    );
  }
  const digest = file.checksums.sha256;
  const path = join(folder, file.name);
  const { arch = DEFAULT_ARCHITECTURE.name } = manifest;
  const disks = new Map(diskFiles(manifest).map(({ disk, name }) => [disk, join(folder, name)]));
  return { path, arch, disks, manifest, ...(digest === undefined ? {} : { digest }) };
}
