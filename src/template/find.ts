/** Finds a template's file by a path, or by the name of an appliance's folder. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { isTemplatePath } from "../fields.js";
import { statIfThere } from "../host/files.js";

/** Folders in which names are searched. */
export interface SearchPaths {
  /** Absolute. */
  readonly currentFolder: string;
  /** Value of `--appliances DIR`. If set, only this folder is searched. */
  readonly appliances?: string | undefined;
}

function foldersOf(places: SearchPaths): string[] {
  if (places.appliances !== undefined) return [resolve(places.currentFolder, places.appliances)];
  const folders: string[] = [];
  for (let at = places.currentFolder; ; at = dirname(at)) {
    folders.push(join(at, "appliances"));
    if (dirname(at) === at) return folders;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name)
      .toSorted();
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return [];
    throw error;
  }
}

/** Returns the templates that can be given by a bare name: name and file. */
export async function listAppliances(places: SearchPaths): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of foldersOf(places)) {
    for (const name of await namesIn(folder)) {
      const file = join(folder, name, `${name}.json`);
      if (!found.has(name) && (await statIfThere(file))?.isFile()) found.set(name, file);
    }
  }
  return found;
}

/** Folders in which a template looks for another one. */
export interface ReferencePlaces extends SearchPaths {
  /** Folder of the template that names the other one; absolute. */
  readonly folder: string;
}

/**
 * Returns the absolute path of a template that another template names. A path is relative to that
 * template. A name is searched in `appliances/` of its folder and the parents of that, then as
 * {@link findTemplate} does.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND, which lists the available names.
 */
export async function findTemplateFrom(text: string, places: ReferencePlaces): Promise<string> {
  const { folder, currentFolder } = places;
  const appliances = places.appliances && resolve(currentFolder, places.appliances);
  const from = { currentFolder: folder, appliances };
  if (isTemplatePath(text)) return findTemplate(text, from);
  const near = await listAppliances(from);
  return near.get(text) ?? findTemplate(text, places);
}

/**
 * Returns the absolute path of a template. A path is used as given. A file name that does not exist
 * here, or a bare name, is searched in `appliances/` of this folder and its parents.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND, which lists the available names.
 */
export async function findTemplate(text: string, places: SearchPaths): Promise<string> {
  const direct = resolve(places.currentFolder, text);
  const status = await statIfThere(direct);
  if (isTemplatePath(text) && status?.isFile()) return direct;
  const inside = join(direct, `${basename(direct)}.json`);
  if (status?.isDirectory() && (await statIfThere(inside))?.isFile()) return inside;
  const appliances = await listAppliances(places);
  const named = text.includes("/") ? undefined : appliances.get(text.replace(/\.jsonc?$/, ""));
  if (named) return named;
  const names = [...appliances.keys()];
  throw new VmbuildError("TEMPLATE_NOT_FOUND", `Template ${text} not found`, {
    hint:
      names.length > 0
        ? `Available appliances: ${names.join(", ")}. Or use the path of a JSON file.`
        : "Use the path of a JSON file, or create a template with `vmbuild init NAME`.",
  });
}
