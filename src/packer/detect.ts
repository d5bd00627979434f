/** Recognizes Packer templates among the paths that a user gives. */
import { readFile, readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { parse } from "jsonc-parser";
import { statIfThere } from "../host/files.js";

/** Endings of the files that Packer loads from a folder. */
const ENDING = /\.pkr\.(?:hcl|json)$/;

/** Returns whether a JSON file is a template in Packer's older format. */
async function isOlderTemplate(path: string): Promise<boolean> {
  const value: unknown = parse(await readFile(path, "utf8"));
  if (typeof value !== "object" || value === null) return false;
  return Object.hasOwn(value, "builders") && !Object.hasOwn(value, "base");
}

/**
 * Returns the absolute path of a Packer template, or of a folder of one; undefined for a path that
 * is none. A folder with a template of vmbuild's own, `NAME/NAME.json`, is none; an older template
 * of Packer's under that name does not count, and Packer leaves it out as well.
 * @param currentFolder absolute.
 */
export async function findPackerTemplate(
  text: string,
  currentFolder: string,
): Promise<string | undefined> {
  const path = resolve(currentFolder, text);
  const status = await statIfThere(path);
  if (status?.isFile()) {
    if (ENDING.test(path)) return path;
    return path.endsWith(".json") && (await isOlderTemplate(path)) ? path : undefined;
  }
  if (!status?.isDirectory()) return undefined;
  const named = join(path, `${basename(path)}.json`);
  const isNamed = (await statIfThere(named))?.isFile() === true;
  if (isNamed && !(await isOlderTemplate(named))) return undefined;
  return (await readdir(path)).some((name) => ENDING.test(name)) ? path : undefined;
}
