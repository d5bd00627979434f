/** A template's finished image, on disk and whole. */
import { join } from "node:path";
import { readPublished } from "../artifact/published.js";
import { IMAGE_FORMATS, isStartable } from "../artifact/registry.js";
import { VmbuildError } from "../errors.js";
import type { Template } from "../template/load.js";
import { planOutput } from "../requirements/plan.js";

/** A finished image. */
export interface FoundArtifact {
  /** Absolute. */
  readonly path: string;
  /** sha256 in hex, where the manifest has it. */
  readonly digest?: string;
}

/**
 * Finds it by the manifest in the template's output folder.
 * @throws {VmbuildError} INPUT_MISSING when it was not built, is not whole, or is of a format that
 *   no machine can start from.
 */
export async function findArtifact(template: Template, directory?: string): Promise<FoundArtifact> {
  const { folder } = planOutput(template, directory);
  const manifest = await readPublished(folder).catch((cause: unknown) => {
    throw new VmbuildError("INPUT_MISSING", `${template.name} has no finished image in ${folder}`, {
      cause,
      hint: `Build it first: vmbuild run ${template.name}`,
    });
  });
  const file = manifest.files.find(({ format }) => isStartable(format));
  if (!file) {
    const formats = manifest.files.map(({ format }) => format).join(", ");
    throw new VmbuildError(
      "INPUT_MISSING",
      `No machine can start from the finished image of ${template.name} in ${folder} (${formats})`,
      { hint: `Build it as one of: ${IMAGE_FORMATS.filter(isStartable).join(", ")}.` },
    );
  }
  const digest = file.checksums.sha256;
  return { path: join(folder, file.name), ...(digest === undefined ? {} : { digest }) };
}
