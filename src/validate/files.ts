/** Whether the files that a template names are there, or will be. */
import { access, constants } from "node:fs/promises";
import { statIfThere } from "../host/files.js";
import { fromHere } from "../host/here.js";
import { inputLocation } from "../inputs/inputs.js";
import type { LocalFile } from "../inputs/kind.js";
import { inputKindOf } from "../inputs/registry.js";
import type { JsonPath } from "../template/document.js";
import type { Collector } from "./findings.js";

/**
 * Reports a file that is not there, is of the wrong kind, or may not be read.
 * @returns whether it can be looked into.
 */
export async function checkFile(
  collector: Collector,
  place: JsonPath,
  path: string,
  kind: LocalFile["kind"],
): Promise<boolean> {
  const status = await statIfThere(path);
  if (!status) collector.problem(place, `${shown(path)} does not exist`);
  else if (kind === "file" && !status.isFile()) {
    collector.problem(place, `${shown(path)} is not a file`);
  } else if (!(await isReadable(path))) {
    collector.problem(place, `${shown(path)} is not readable by this user`);
  } else return true;
  return false;
}

async function isReadable(path: string): Promise<boolean> {
  return access(path, constants.R_OK).then(
    () => true,
    () => false,
  );
}

/** The path as the user would type it from here, when that is shorter. */
export function shown(path: string): string {
  const near = fromHere(path);
  return near !== "" && near.length < path.length ? near : path;
}

/**
 * Checks the files that a source of the template refers to.
 * @param place of the source.
 * @returns whether all of them can be looked into.
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

/** The input that a path lies in and that is not here yet, so that nothing can be said of it. */
export async function awaitedInput(
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
