/** Lists the images of a release, and checks them without a download. */
import { asVmbuildError } from "../errors.js";
import type { VmbuildError } from "../errors.js";
import { fillContext } from "../inputs/context.js";
import type { FullContext } from "../inputs/context.js";
import { openRelease } from "./registry.js";
import type { ReleasePlace } from "./registry.js";
import { imagesIn, invalid, listRelease, readRemote } from "./remote.js";
import type { RemoteImage } from "./remote.js";
import type { ReleaseContext, ReleaseStore } from "./store.js";

/** Options of work on images of a release. */
export interface CatalogOptions extends ReleasePlace, ReleaseContext {
  /** Names of the images; all images of the release when empty. */
  readonly names: readonly string[];
}

/** Image of a release, or why it cannot be used. */
export interface CatalogEntry {
  readonly name: string;
  readonly image?: RemoteImage;
  readonly error?: VmbuildError;
}

/** Work on one image, which may fail without ending that on the others. */
type Work = (image: RemoteImage, store: ReleaseStore, context: FullContext) => Promise<void>;

/**
 * Does work on each image of a release.
 * @returns an entry for each image, with an error where something is wrong.
 * @throws {VmbuildError} USAGE, RELEASE_UNKNOWN, RELEASE_FAILED; the reason of the signal.
 */
export async function eachImage(options: CatalogOptions, work: Work): Promise<CatalogEntry[]> {
  const { names } = options;
  const context = fillContext({ ...options, offline: false });
  await using store = await openRelease(options, options);
  const listed = await listRelease(store);
  const entries: CatalogEntry[] = [];
  for (const name of names.length > 0 ? names : imagesIn(listed)) {
    try {
      const image = await readRemote(store, name, listed, context);
      await work(image, store, context);
      entries.push({ name, image });
    } catch (thrown) {
      context.signal.throwIfAborted();
      entries.push({ name, error: asVmbuildError(thrown) });
    }
  }
  return entries;
}

/**
 * Lists images with their indexes.
 * @throws {VmbuildError} USAGE, RELEASE_UNKNOWN, RELEASE_FAILED; the reason of the signal.
 */
export function listImages(options: CatalogOptions): Promise<CatalogEntry[]> {
  return eachImage(options, async () => {});
}

/** Requires the digests of the index where the store knows them. Nothing is downloaded. */
export async function checkDigests(image: RemoteImage, store: ReleaseStore): Promise<void> {
  for (const { asset, sha256 } of image.parts) {
    const found = await store.digest(asset);
    if (found === undefined || found === sha256) continue;
    throw invalid(image.name, `${asset.name} does not have the sha256 of the index`);
  }
}

/**
 * Checks that images are complete and that the store's digests are those of the indexes.
 * @returns an entry for each image, with an error where something is wrong.
 * @throws {VmbuildError} as {@link listImages}.
 */
export function checkImages(options: CatalogOptions): Promise<CatalogEntry[]> {
  return eachImage(options, checkDigests);
}
