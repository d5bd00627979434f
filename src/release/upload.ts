/** Uploads images to a release. */
import { join } from "node:path";
import { PACKAGES_NAME, METADATA_SUFFIXES, SBOM_NAME } from "../artifact/names.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import type { Manifest } from "../artifact/manifest.js";
import { formatChecksum } from "../artifact/checksum-files.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { readIfThere } from "../host/files.js";
import { fillContext } from "../inputs/context.js";
import type { FullContext } from "../inputs/context.js";
import { createProgress } from "../inputs/progress.js";
import { describeImage, textContent } from "./content.js";
import type { ImageFile } from "./content.js";
import { formatIndex } from "./index-file.js";
import { PART_LIMIT, belongsTo, imageAsset, indexName, isPartOf, sumsName } from "./names.js";
import { requirePartSize } from "./part-size.js";
import { inParallel } from "./pool.js";
import { openRelease } from "./registry.js";
import type { ReleasePlace } from "./registry.js";
import { ReleaseChanged } from "./store.js";
import type { Content, ReleaseContext, ReleaseStore, Staged, StoredAsset } from "./store.js";

/** Finished image to upload. */
export interface Releasable extends ImageFile {
  /** Absolute path of the folder with the manifest and the lists of packages. */
  readonly folder: string;
  readonly manifest: Manifest;
}

/** Options of an upload. */
export interface UploadImageOptions extends ReleasePlace, ReleaseContext {
  /** False: only find out what would be done. */
  readonly execute: boolean;
  /** Upload what is unchanged too. */
  readonly force?: boolean;
  /** Also upload the manifest and the lists of packages. */
  readonly metadata?: boolean;
  /** Largest size of a part in bytes; {@link PART_LIMIT} unless given, and at most that. */
  readonly partSize?: number;
}

/** Result of one image. */
export interface UploadResult {
  readonly name: string;
  /** `created` and `replaced` without `execute` are what would be done. */
  readonly outcome: "created" | "replaced" | "unchanged" | "failed";
  /** Names of the assets that are uploaded, or would be. */
  readonly uploaded: readonly string[];
  /** Names of the assets that are removed, or would be. */
  readonly removed: readonly string[];
  /** Bytes of the image. */
  readonly size?: number;
  readonly sha256: string;
  readonly error?: VmbuildError;
}

/** Returns the copies of the manifest and of the lists of packages that the artifact has. */
async function metadataOf({ name, folder }: Releasable): Promise<Content[]> {
  const files = [
    [MANIFEST_NAME, METADATA_SUFFIXES.manifest],
    [PACKAGES_NAME, METADATA_SUFFIXES.packages],
    [SBOM_NAME, METADATA_SUFFIXES.sbom],
  ] as const;
  const contents: Content[] = [];
  for (const [file, suffix] of files) {
    const text = await readIfThere(join(folder, file));
    if (text !== undefined) contents.push(textContent(`${imageAsset(name)}${suffix}`, text));
  }
  return contents;
}

/** Returns all that an image becomes. */
async function contentsOf(image: Releasable, options: Settings): Promise<Content[]> {
  const { name, sha256, manifest } = image;
  const { size, parts } = await describeImage(image, options);
  const file = manifest.files.find(({ checksums }) => checksums.sha256 === sha256);
  const index = formatIndex({
    ...{ name, version: manifest.version, created: manifest.created },
    ...{ file: imageAsset(name), size, sha256 },
    ...(file?.virtualSize === undefined ? {} : { virtualSize: file.virtualSize }),
    ...(manifest.facts ? { facts: manifest.facts } : {}),
    parts: parts.map((part) => ({ name: part.name, size: part.size, sha256: part.sha256 })),
  });
  return [
    ...parts,
    textContent(indexName(name), index),
    textContent(sumsName(name), formatChecksum(sha256, imageAsset(name))),
    ...(options.metadata ? await metadataOf(image) : []),
  ];
}

interface Settings extends FullContext {
  readonly execute: boolean;
  readonly force: boolean;
  readonly metadata: boolean;
  readonly partSize: number;
}

interface Plan {
  readonly upload: readonly Content[];
  readonly keep: readonly StoredAsset[];
  readonly remove: readonly string[];
}

/** Compares contents with the assets of a release by their digests. */
async function planUpload(
  store: ReleaseStore,
  contents: readonly Content[],
  there: readonly StoredAsset[],
  force: boolean,
): Promise<Plan> {
  const keep: StoredAsset[] = [];
  const upload: Content[] = [];
  for (const content of contents) {
    const asset = there.find(({ name }) => name === content.name);
    const isSame =
      !force && asset?.size === content.size && (await store.digest(asset)) === content.sha256;
    if (asset && isSame) keep.push(asset);
    else upload.push(content);
  }
  const names = new Set(contents.map(({ name }) => name));
  const remove = there.flatMap(({ name }) => (names.has(name) ? [] : [name]));
  return { upload, keep, remove };
}

async function stageAll(
  store: ReleaseStore,
  image: string,
  upload: readonly Content[],
  context: FullContext,
) {
  const total = upload.reduce((sum, { size }) => sum + size, 0);
  const progress = createProgress(
    context.emit,
    context.clock,
    `upload ${image}`,
    `Uploading ${image}`,
  );
  let sent = 0;
  const onSent = (bytes: number): void => progress.at((sent += bytes), total);
  const staged: Staged[] = [];
  try {
    // The index and the sums, which are small, go last.
    const all = await inParallel(upload, store.parallel, async (content) => {
      const one = await store.stage(content, onSent);
      staged.push(one);
      return one;
    });
    progress.finish(total);
    return all;
  } catch (error) {
    await store.discard(staged);
    throw error;
  }
}

async function uploadOnce(
  store: ReleaseStore,
  image: Releasable,
  settings: Settings,
): Promise<UploadResult> {
  const { name, sha256 } = image;
  const listed = (await store.list()) ?? [];
  const there = listed.filter((asset) => belongsTo(name, asset.name));
  const contents = await contentsOf(image, settings);
  const plan = await planUpload(store, contents, there, settings.force);
  const uploaded = plan.upload.map((content) => content.name);
  const size = contents
    .filter((content) => content.name === imageAsset(name) || isPartOf(name, content.name))
    .reduce((sum, content) => sum + content.size, 0);
  const result = { name, uploaded, removed: plan.remove, size, sha256 };
  if (uploaded.length === 0 && plan.remove.length === 0) return { ...result, outcome: "unchanged" };
  const outcome = there.length === 0 ? "created" : "replaced";
  if (!settings.execute) return { ...result, outcome };
  await store.prepare();
  const add = await stageAll(store, name, plan.upload, settings);
  settings.signal.throwIfAborted();
  try {
    await store.commit({ image: name, add, keep: plan.keep });
  } catch (error) {
    await store.discard(add);
    throw error;
  }
  return { ...result, outcome };
}

/** Attempts at an image while other uploads change the release. */
const ATTEMPTS = 3;

async function uploadImage(store: ReleaseStore, image: Releasable, settings: Settings) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await uploadOnce(store, image, settings);
    } catch (error) {
      if (!(error instanceof ReleaseChanged)) throw error;
      const message = `Another upload has changed ${image.name} in ${store.address}`;
      if (attempt >= ATTEMPTS) throw new VmbuildError("RELEASE_FAILED", message, { cause: error });
      settings.emit({ type: "note", message: `${message}; comparing again` });
    }
  }
}

/**
 * Uploads images to a release, which is created if there is none. What is unchanged is not
 * uploaded. Nothing is deleted or renamed before its replacement is complete. An image that fails
 * does not keep the others from being uploaded.
 * @param onResult called after each image.
 * @returns a result for each image.
 * @throws {VmbuildError} USAGE; RELEASE_FAILED when the store cannot be reached; the reason of the
 *   signal.
 */
export async function uploadImages(
  images: readonly Releasable[],
  options: UploadImageOptions,
  onResult: (result: UploadResult) => void = () => {},
): Promise<UploadResult[]> {
  const { execute, force = false, metadata = false } = options;
  const context = fillContext({ ...options, offline: false });
  const settings = {
    ...context,
    execute,
    force,
    metadata,
    partSize: requirePartSize(options.partSize ?? PART_LIMIT),
  };
  await using store = await openRelease(options, options);
  const results: UploadResult[] = [];
  for (const image of images) {
    let result: UploadResult;
    try {
      result = await uploadImage(store, image, settings);
    } catch (thrown) {
      context.signal.throwIfAborted();
      const error = asVmbuildError(thrown);
      const { name, sha256 } = image;
      result = { name, sha256, outcome: "failed", uploaded: [], removed: [], error };
    }
    results.push(result);
    onResult(result);
  }
  return results;
}
