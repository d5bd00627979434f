/** Finds the finished images that a command line names. */
import { findPublished } from "../builds/find-artifact.js";
import { VmbuildError } from "../errors.js";
import type { Publishable } from "../publish/source.js";
import { loadFromFlags } from "./options.js";
import type { TemplateFlags } from "./options.js";
import type { Output } from "./output.js";

/** Flags that choose images. */
export interface ArtifactFlags extends TemplateFlags {
  readonly all?: boolean;
  readonly image?: string;
}

async function artifactOf(name: string, flags: ArtifactFlags): Promise<Publishable> {
  const template = await loadFromFlags(name, flags);
  return { template, ...(await findPublished(template, flags.image)) };
}

/** Returns the artifacts of all templates that are given by name and were built. */
async function allArtifacts(flags: ArtifactFlags, output: Output): Promise<Publishable[]> {
  const { listAppliances } = await import("../template/find.js");
  const places = { currentFolder: process.cwd(), appliances: flags.appliances };
  const found: Publishable[] = [];
  for (const name of (await listAppliances(places)).keys()) {
    try {
      found.push(await artifactOf(name, flags));
    } catch (error) {
      const isUnbuilt = error instanceof VmbuildError && error.code === "INPUT_MISSING";
      if (!isUnbuilt) throw error;
      output.log(`note: ${error.message}`);
    }
  }
  return found;
}

/**
 * Returns the artifacts of the named templates, or of all that were built.
 * @throws {VmbuildError} USAGE without names and `--all`, or with both; the errors of loading a
 *   template; INPUT_MISSING for a named image that was not built.
 */
export async function artifactsOf(
  names: readonly string[],
  flags: ArtifactFlags,
  output: Output,
): Promise<Publishable[]> {
  if (flags.all === true) {
    if (names.length === 0) return allArtifacts(flags, output);
    throw new VmbuildError("USAGE", "--all means every image, and takes no names");
  }
  if (names.length === 0) {
    throw new VmbuildError("USAGE", "No image is named", { hint: "Give names, or --all." });
  }
  const artifacts: Publishable[] = [];
  for (const name of names) artifacts.push(await artifactOf(name, flags));
  return artifacts;
}

/** Returns the value of an option with fixed choices. */
export function choiceOf<T extends string>(
  flag: string,
  value: string | undefined,
  choices: readonly T[],
): T | undefined {
  const found = choices.find((choice) => choice === value);
  if (value === undefined || found !== undefined) return found;
  const hint = `Use one of: ${choices.join(", ")}.`;
  throw new VmbuildError("USAGE", `${flag} ${value} is not supported`, { hint });
}
