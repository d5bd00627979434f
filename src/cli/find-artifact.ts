/** Finds another template's artifact, as a base. */
import { findArtifact as findArtifactOf } from "../builds/find-artifact.js";
import type { FoundArtifact } from "../builds/find-artifact.js";
import type { Template } from "../template/load.js";
import { loadBase } from "./options.js";
import type { TemplateFlags } from "./options.js";

/**
 * Finds the artifact that an earlier run of another template published.
 * @param name name or path of the template, as `from` names it.
 * @param from template whose base it is.
 * @throws {VmbuildError} INPUT_MISSING when it was not built yet; the errors of loading the
 *   template.
 */
export async function findArtifact(
  name: string,
  flags: TemplateFlags,
  from: Template,
): Promise<FoundArtifact> {
  return findArtifactOf(await loadBase(name, from, flags));
}
