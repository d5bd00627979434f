/** Lists, checks, verifies and removes the images of a release. */
import { createHash } from "node:crypto";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { fillContext } from "../inputs/context.js";
import type { FullContext } from "../inputs/context.js";
import { asAddressFailure } from "../inputs/failure.js";
import { createProgress } from "../inputs/progress.js";
import { requesting } from "./errors.js";
import { belongsTo } from "./names.js";
import { openRelease } from "./registry.js";
import type { ReleasePlace } from "./registry.js";
import { imagesIn, invalid, listRelease, readRemote } from "./remote.js";
import type { RemoteImage, RemotePart } from "./remote.js";
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

async function eachImage(options: CatalogOptions, work: Work): Promise<CatalogEntry[]> {
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
async function checkDigests(image: RemoteImage, store: ReleaseStore): Promise<void> {
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

/** Reads a part to its end. Returns its sha256. */
async function readPart(
  store: ReleaseStore,
  part: RemotePart,
  context: FullContext,
  onData: (data: Buffer) => void,
): Promise<string> {
  const { asset, size } = part;
  const hash = createHash("sha256");
  let done = 0;
  const attempt = async (): Promise<void> => {
    const { from, body } = await store.open(asset, { from: done, total: size });
    if (from !== done)
      throw new VmbuildError("RELEASE_FAILED", `${asset.name} cannot be continued`);
    try {
      for await (const chunk of body) {
        const data = chunk as Buffer;
        hash.update(data);
        onData(data);
        done += data.length;
      }
    } catch (error) {
      context.signal.throwIfAborted();
      throw asAddressFailure(error, context.limits);
    } finally {
      body.destroy();
    }
    if (done !== size)
      throw asAddressFailure(new Error(`${done} of ${size} bytes were received`), context.limits);
  };
  await requesting({ doing: `Cannot read ${asset.name} of ${store.address}`, attempt }, context);
  return hash.digest("hex");
}

/** Downloads an image without storing it, and compares all digests. */
async function verifyContent(image: RemoteImage, store: ReleaseStore, context: FullContext) {
  const { name, size, parts } = image;
  const progress = createProgress(
    context.emit,
    context.clock,
    `verify ${name}`,
    `Verifying ${name}`,
  );
  const whole = createHash("sha256");
  let done = 0;
  for (const part of parts) {
    const found = await readPart(store, part, context, (data) => {
      whole.update(data);
      progress.at((done += data.length), size);
    });
    if (part.sha256 === undefined || part.sha256 === found) continue;
    throw wrongContent(part.asset.name, part.sha256, found);
  }
  progress.finish(size);
  const found = whole.digest("hex");
  if (image.sha256 === undefined) throw invalid(name, "it has neither an index nor a sha256 file");
  if (image.sha256 !== found) throw wrongContent(`${name}.qcow2`, image.sha256, found);
}

function wrongContent(name: string, expected: string, found: string): VmbuildError {
  return new VmbuildError("RELEASE_INVALID", `${name} in the release has the wrong sha256`, {
    lines: [`expected: ${expected}`, `found:    ${found}`],
  });
}

/**
 * Verifies images: downloads them without storing them, and compares all digests.
 * @returns an entry for each image, with an error where something is wrong.
 * @throws {VmbuildError} as {@link listImages}.
 */
export function verifyImages(options: CatalogOptions): Promise<CatalogEntry[]> {
  return eachImage(options, async (image, store, context) => {
    await checkDigests(image, store);
    await verifyContent(image, store, context);
  });
}

/** Result of the removal of one image. */
export interface RemoveResult {
  readonly name: string;
  /** Names of the assets that were removed, or would be. */
  readonly removed: readonly string[];
}

/**
 * Removes images from a release, incomplete ones too.
 * @param options `execute`: false only finds out what would be removed.
 * @throws {VmbuildError} as {@link listImages}; RELEASE_UNKNOWN for an image that is not there,
 *   before anything is removed.
 */
export async function removeImages(
  options: CatalogOptions & { readonly execute: boolean },
): Promise<RemoveResult[]> {
  await using store = await openRelease(options, options);
  const assets = await listRelease(store);
  const names = options.names.length > 0 ? options.names : imagesIn(assets);
  const results = names.map((name): RemoveResult => {
    const own = assets.filter((asset) => belongsTo(name, asset.name));
    if (own.length > 0) return { name, removed: own.map((asset) => asset.name) };
    throw new VmbuildError("RELEASE_UNKNOWN", `${store.address} has no image ${name}`);
  });
  if (!options.execute) return results;
  for (const { name } of results) await store.commit({ image: name, add: [], keep: [] });
  return results;
}
