/** From what a user types to a template's file: a path, or the name of a folder of appliances. */
import { readdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { statIfThere } from "../host/files.js";

/** Where names are looked up. */
export interface SearchPlaces {
  /** Absolute. */
  readonly currentFolder: string;
  /** `--appliances DIR`; searched first, and alone. */
  readonly appliances?: string | undefined;
}

function foldersOf(places: SearchPlaces): string[] {
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

/** The templates that a bare name can mean here: name and file. */
export async function listAppliances(places: SearchPlaces): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const folder of foldersOf(places)) {
    for (const name of await namesIn(folder)) {
      const file = join(folder, name, `${name}.json`);
      if (!found.has(name) && (await statIfThere(file))?.isFile()) found.set(name, file);
    }
  }
  return found;
}

/** Whether a user meant a file rather than a name. */
const looksLikePath = (text: string): boolean => text.includes("/") || /\.jsonc?$/.test(text);

/**
 * The absolute path of the template. A path is taken as it is; a file name that is not here, and
 * a bare name, are looked up under `appliances/` of this folder and its parents.
 * @throws {VmbuildError} TEMPLATE_NOT_FOUND, listing the names that there are.
 */
export async function findTemplate(text: string, places: SearchPlaces): Promise<string> {
  const direct = resolve(places.currentFolder, text);
  const status = await statIfThere(direct);
  if (looksLikePath(text) && status?.isFile()) return direct;
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
