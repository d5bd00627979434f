/** Finds another template's artifact, as a base. */
import { findArtifact as findArtifactOf } from "../builds/find-artifact.js";
import type { FoundArtifact } from "../builds/find-artifact.js";
import { loadFromFlags } from "./options.js";
import type { TemplateFlags } from "./options.js";

/**
 * Finds the artifact that an earlier run of another template published.
 * @throws {VmbuildError} INPUT_MISSING when it was not built yet; the errors of loading the
 *   template.
 */
export async function findArtifact(name: string, flags: TemplateFlags): Promise<FoundArtifact> {
  const { appliances } = flags;
  return findArtifactOf(await loadFromFlags(name, appliances === undefined ? {} : { appliances }));
}
