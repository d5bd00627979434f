/** Checks that the files that a template names exist, or will exist. */
import { access, constants } from "node:fs/promises";
import { statIfThere } from "../host/files.js";
import { relativeToCurrent } from "../host/current-folder.js";
import { inputLocation } from "../inputs/inputs.js";
import type { LocalFile } from "../inputs/kind.js";
import { inputKindOf } from "../inputs/registry.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";

/**
 * Reports a file that is missing, of the wrong kind, or unreadable.
 * @returns whether it can be read.
 */
export async function checkFile(
  collector: Collector,
  place: JsonPath,
  path: string,
  kind: LocalFile["kind"],
): Promise<boolean> {
  const status = await statIfThere(path);
  if (!status) collector.problem(place, `${displayPath(path)} does not exist`);
  else if (kind === "file" && !status.isFile()) {
    collector.problem(place, `${displayPath(path)} is not a file`);
  } else if (!(await isReadable(path))) {
    collector.problem(place, `${displayPath(path)} is not readable by this user`);
  } else return true;
  return false;
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** Returns the path relative to the current folder, if that is shorter. */
export function displayPath(path: string): string {
  const near = relativeToCurrent(path);
  return near !== "" && near.length < path.length ? near : path;
}

/**
 * Checks the files of a source in the template.
 * @param place the place of the source.
 * @returns whether all of them can be read.
 */
export async function checkFiles(
  collector: Collector,
  place: JsonPath,
  files: readonly LocalFile[],
): Promise<boolean> {
  let allThere = true;
  for (const { key, path, kind } of files) {
    if (!(await checkFile(collector, [...place, ...key], path, kind))) allThere = false;
  }
  return allThere;
}

/**
 * Returns the input that contains a path and is not available yet, so that the path cannot be
 * checked.
 */
export async function pendingInput(
  collector: Collector,
  path: string,
): Promise<string | undefined> {
  for (const [name, spec] of collector.template.inputSpecs) {
    if (inputKindOf(spec).isLocal) continue;
    const location = inputLocation(spec);
    if (path !== location && !path.startsWith(`${location}/`)) continue;
    return (await statIfThere(location)) ? undefined : name;
  }
  return undefined;
}
