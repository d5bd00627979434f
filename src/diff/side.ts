/** Reads what `vmbuild diff` compares: the manifest of an image, and its list of packages. */
import { basename, dirname, join } from "node:path";
import { METADATA_SUFFIXES, PACKAGES_NAME } from "../artifact/names.js";
import { MANIFEST_NAME, readManifest } from "../artifact/manifest.js";
import type { Manifest } from "../artifact/manifest.js";
import { VmbuildError } from "../errors.js";
import { readIfThere, statIfThere } from "../host/files.js";
import { parsePackages } from "../packages/list.js";
import type { ListedPackage } from "../packages/list.js";

/** One side of a comparison. */
export interface Side {
  /** Path or name as the user gave it. */
  readonly given: string;
  readonly manifest?: Manifest;
  /** Undefined where there is no list. */
  readonly packages?: readonly ListedPackage[];
}

/** Paths of the two files. */
interface Places {
  readonly manifest: string;
  readonly packages: string;
}

const inFolder = (folder: string): Places => ({
  manifest: join(folder, MANIFEST_NAME),
  packages: join(folder, PACKAGES_NAME),
});

const besideImage = (image: string): Places => ({
  manifest: `${image}${METADATA_SUFFIXES.manifest}`,
  packages: `${image}${METADATA_SUFFIXES.packages}`,
});

async function exists(path: string): Promise<boolean> {
  return (await statIfThere(path)) !== undefined;
}

/** Returns where the files of a path are: a folder, a manifest, a list of packages, or an image. */
async function placesOf(path: string): Promise<Places> {
  if ((await statIfThere(path))?.isDirectory()) return inFolder(path);
  const name = basename(path);
  const folder = dirname(path);
  if (name === PACKAGES_NAME || name === MANIFEST_NAME) return inFolder(folder);
  for (const suffix of Object.values(METADATA_SUFFIXES)) {
    if (name.endsWith(suffix)) return besideImage(path.slice(0, -suffix.length));
  }
  if (name.endsWith(".json")) return { manifest: path, packages: join(folder, PACKAGES_NAME) };
  const beside = besideImage(path);
  if ((await exists(beside.manifest)) || (await exists(beside.packages))) return beside;
  return inFolder(folder);
}

/** Requires that a manifest describes the image that was given. */
function requireImage(path: string, { manifest: place }: Places, manifest: Manifest): void {
  const name = basename(path);
  const isImage = !name.endsWith(".json") && !name.endsWith(PACKAGES_NAME);
  if (!isImage || place === besideImage(path).manifest) return;
  if (manifest.files.some((file) => file.name === name)) return;
  throw new VmbuildError("ARTIFACT_INVALID", `${place} does not describe ${name}`, {
    lines: manifest.files.map((file) => `it describes ${file.name}`),
    hint: "Give the folder of the image, its manifest.json, or the name of its template.",
  });
}

function missing(message: string): VmbuildError {
  return new VmbuildError("INPUT_MISSING", message, {
    hint: "Give a folder with manifest.json, that file, an image beside it, or a template's name.",
  });
}

/**
 * Reads one side from a path of this host.
 * @param path a folder with `manifest.json`, that file, a list of packages, or an image with either
 *   beside it.
 * @throws {VmbuildError} INPUT_MISSING when there is neither, ARTIFACT_INVALID for a manifest that
 *   is not valid, or that describes another image.
 */
export async function readSide(given: string, path = given): Promise<Side> {
  const status = await statIfThere(path);
  if (!status) throw missing(`${path} does not exist`);
  const places = await placesOf(path);
  const text = await readIfThere(places.packages);
  const packages = text === undefined ? undefined : parsePackages(text);
  if (!(await exists(places.manifest))) {
    if (packages) return { given, packages };
    throw missing(`There is no manifest for ${path}: ${places.manifest} does not exist`);
  }
  const manifest = await readManifest(places.manifest);
  if (!status.isDirectory()) requireImage(path, places, manifest);
  return { given, manifest, ...(packages ? { packages } : {}) };
}
