/** Stages the files and folders that steps created for the output folder. */
import { isUtf8 } from "node:buffer";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { copyTree } from "../host/copy.js";
import { artifactError } from "./failures.js";
import { companionProblem } from "./names.js";
import type { ReservedNames } from "./names.js";
import type { Staging } from "./publish.js";

/**
 * Requires that no file created by steps uses a name of the artifact, or a name that a manifest
 * cannot contain.
 * @param folder the folder in which steps leave files for the output folder.
 * @param filenames the names of the images.
 * @param reserved settings by which further names are reserved.
 * @throws {VmbuildError} ARTIFACT_NAMES, with a line for each name.
 */
export async function requireCompanionNames(
  folder: string,
  filenames: readonly string[],
  reserved: ReservedNames,
): Promise<void> {
  const entries = await readdir(folder, { encoding: "buffer" });
  const names = entries.map((name) => name.toString("utf8")).toSorted();
  const problems = [
    ...names.flatMap((name) => companionProblem(name, filenames, reserved) ?? []),
    ...entries
      .filter((name) => !isUtf8(name))
      .map((name) => `${JSON.stringify(name.toString("latin1"))} is not a valid UTF-8 file name`),
  ];
  if (problems.length === 0) return;
  throw new VmbuildError(
    "ARTIFACT_NAMES",
    "A step created a file whose name cannot be used beside the image",
    { lines: problems },
  );
}

/**
 * Copies the files created by steps to temporary names beside the image. A folder counts as one
 * file.
 * @returns their names.
 * @throws {VmbuildError} ARTIFACT_NAMES, ARTIFACT_SPACE or ARTIFACT_CONVERT.
 */
export async function stageCompanions(folder: string, staging: Staging): Promise<string[]> {
  const names = (await readdir(folder)).toSorted();
  for (const name of names) {
    const target = staging.reserve(name, "companion");
    try {
      await copyTree(join(folder, name), target);
    } catch (error) {
      throw artifactError("ARTIFACT_CONVERT", `Cannot copy ${name} to ${staging.folder}`, error);
    }
  }
  return names;
}
