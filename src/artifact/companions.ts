/** The files and folders that steps made, on their way to lie beside the image. */
import { cp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { artifactError } from "./failures.js";
import { companionProblem } from "./names.js";
import type { Staging } from "./publish.js";

/**
 * Requires that no file that steps made has a name of the artifact's own.
 * @param folder where steps leave what they make for the output folder.
 * @param filename the image's.
 * @throws {VmbuildError} ARTIFACT_NAMES, with a line for each name.
 */
export async function requireCompanionNames(folder: string, filename: string): Promise<void> {
  const names = (await readdir(folder)).toSorted();
  const problems = names.flatMap((name) => companionProblem(name, filename) ?? []);
  if (problems.length === 0) return;
  throw new VmbuildError(
    "ARTIFACT_NAMES",
    "A step made a file for the output folder that would replace one of the artifact's own",
    { lines: problems },
  );
}

/**
 * Copies what steps made to temporary names beside the image. A folder counts as one.
 * @returns their names.
 * @throws {VmbuildError} ARTIFACT_NAMES, ARTIFACT_SPACE or ARTIFACT_CONVERT.
 */
export async function stageCompanions(folder: string, staging: Staging): Promise<string[]> {
  const names = (await readdir(folder)).toSorted();
  for (const name of names) {
    const target = staging.reserve(name, "companion");
    try {
      const asItIs = { recursive: true, preserveTimestamps: true, verbatimSymlinks: true };
      await cp(join(folder, name), target, asItIs);
    } catch (error) {
      throw artifactError("ARTIFACT_CONVERT", `cannot copy ${name} to ${staging.folder}`, error);
    }
  }
  return names;
}
