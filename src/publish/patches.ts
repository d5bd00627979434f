/** Publishes the archives of patches that were made beside images. */
import { join } from "node:path";
import { METADATA_SUFFIXES } from "../artifact/names.js";
import { VmbuildError } from "../errors.js";
import { readIfThere, sizeOnDisk, statIfThere } from "../host/files.js";
import { place, placeText } from "./place.js";
import { publishEach } from "./publish.js";
import type { PublishOptions, PublishResult } from "./publish.js";
import type { Publishable, SourceFile } from "./source.js";
import { placeOf } from "./target.js";
import type { Store } from "./store.js";

/**
 * Returns the archive of an image.
 * @throws {VmbuildError} INPUT_MISSING where it was built without one.
 */
async function sourceOf({ folder, manifest }: Publishable): Promise<SourceFile> {
  const { patches } = manifest;
  if (!patches) {
    throw new VmbuildError("INPUT_MISSING", `${manifest.name} has no archive of patches`, {
      hint: `Build it with one: vmbuild run ${manifest.name} --create-patches`,
    });
  }
  const { name: filename, size, sha256 } = patches;
  const path = join(folder, filename);
  if (!(await statIfThere(path))?.isFile()) {
    throw new VmbuildError("INPUT_MISSING", `The archive of patches ${path} does not exist`, {
      hint: `Build it again: vmbuild run ${manifest.name} --create-patches --force`,
    });
  }
  const allocated = await sizeOnDisk(path);
  return { path, filename, size, allocated, sha256, async [Symbol.asyncDispose]() {} };
}

async function publishOne(
  image: Publishable,
  options: PublishOptions,
  { store, path }: { readonly store: Store; readonly path: string },
): Promise<PublishResult> {
  const { emit, signal, dryRun = false } = options;
  const { name, version } = image.template;
  await using source = await sourceOf(image);
  const { filename, size, sha256 } = source;
  const at = await placeOf(store, path, { name, version, filename });
  const outcome = await place(store, at, source, { emit, signal, dryRun });
  const sbom = image.manifest.patches?.sbom;
  const text = sbom === undefined ? undefined : await readIfThere(join(image.folder, sbom));
  if (options.metadata === true && !dryRun && text !== undefined) {
    const to = `${at}${METADATA_SUFFIXES.sbom}`;
    if ((await store.readText(to)) !== text) await placeText(store, to, text);
  }
  return { name, kind: "patches", address: store.address(at), path: at, size, sha256, outcome };
}

/**
 * Publishes the archive of each image, unless the target has its content already.
 * @throws {VmbuildError} as {@link publishEach}.
 */
export async function publishPatches(options: PublishOptions): Promise<PublishResult[]> {
  return publishEach(options, publishOne, ({ template: { name }, manifest }, error) => {
    return { name, kind: "patches", outcome: "failed", error, size: manifest.patches?.size };
  });
}
