/** Finds out what a release has of an image: its parts, sizes and digests. */
import { VmbuildError } from "../errors.js";
import type { FullContext } from "../inputs/context.js";
import { readSumsLine } from "../inputs/sums-line.js";
import { parseIndex } from "./index-file.js";
import type { ImageIndex } from "./index-file.js";
import {
  belongsTo,
  imageAsset,
  imageOf,
  indexName,
  isPartOf,
  partName,
  sumsName,
} from "./names.js";
import { readAsset } from "./read.js";
import type { ReleaseStore, StoredAsset } from "./store.js";

/** Part of an image in a release. */
export interface RemotePart {
  readonly asset: StoredAsset;
  /** Bytes. */
  readonly size: number;
  /** In hexadecimal; undefined when neither an index nor the store knows it. */
  readonly sha256: string | undefined;
}

/** Image in a release. */
export interface RemoteImage {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** Of the whole image; undefined for releases without index and sums. */
  readonly sha256: string | undefined;
  /** In order; the image itself when it is whole. */
  readonly parts: readonly RemotePart[];
  /** Undefined for releases that were made by others. */
  readonly index: ImageIndex | undefined;
  /** All assets of the image. */
  readonly assets: readonly StoredAsset[];
}

/** Returns the names of the images of a release, sorted. */
export function imagesIn(assets: readonly StoredAsset[]): string[] {
  const names = assets.flatMap(({ name }) => {
    const image = imageOf(name);
    const isImage = image !== undefined && (name === imageAsset(image) || isPartOf(image, name));
    return isImage ? [image] : [];
  });
  return [...new Set(names)].toSorted();
}

/**
 * Returns the assets that consumers take for the image: the whole one, or its parts in order.
 * @throws {VmbuildError} RELEASE_INVALID when it is whole and in parts, or a part is missing.
 */
function contentAssets(name: string, assets: readonly StoredAsset[]): StoredAsset[] {
  const whole = assets.filter((asset) => asset.name === imageAsset(name));
  const parts = assets
    .filter((asset) => isPartOf(name, asset.name))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  if (whole.length > 0 && parts.length > 0) {
    throw invalid(name, `it is there as a whole and in ${parts.length} part(s)`);
  }
  const missing = parts.findIndex((part, at) => part.name !== partName(name, at));
  if (missing !== -1) {
    throw invalid(
      name,
      `${partName(name, missing)} is missing, or ${parts[missing]?.name} is not a part`,
    );
  }
  return [...whole, ...parts];
}

/** Returns the error for the assets of an image. */
export function invalid(name: string, problem: string): VmbuildError {
  return new VmbuildError("RELEASE_INVALID", `The release of ${name} is not valid: ${problem}`);
}

/** Requires the assets that an index names, with their sizes. */
function requireIndexed(name: string, index: ImageIndex, found: readonly StoredAsset[]): void {
  for (const [at, part] of index.parts.entries()) {
    const asset = found[at];
    if (asset?.name !== part.name) throw invalid(name, `${part.name} is missing`);
    if (asset.size !== part.size) {
      throw invalid(name, `${part.name} has ${asset.size} bytes, and should have ${part.size}`);
    }
  }
  const more = found[index.parts.length];
  if (more) throw invalid(name, `${more.name} is not in the index`);
  if (index.file !== imageAsset(name)) throw invalid(name, `its index is that of ${index.file}`);
}

async function recordedSum(name: string, texts: Texts): Promise<string | undefined> {
  const text = await texts(sumsName(name));
  if (text === undefined) return undefined;
  for (const line of text.split("\n")) {
    const result = readSumsLine(line, undefined);
    const entry = result && "entry" in result ? result.entry : undefined;
    const isOurs =
      entry &&
      (entry.names.length === 0 || entry.names.some((one) => one.endsWith(imageAsset(name))));
    if (isOurs && entry.algorithms.includes("sha256")) return entry.hex;
  }
  throw invalid(name, `${sumsName(name)} has no sha256 of ${imageAsset(name)}`);
}

type Texts = (name: string) => Promise<string | undefined>;

/**
 * Reads what a release has of an image. Releases without an index, which others have made, are read
 * by the names of their assets and by their sums.
 * @param listed all assets of the release.
 * @throws {VmbuildError} RELEASE_UNKNOWN, RELEASE_INVALID, RELEASE_FAILED.
 */
export async function readRemote(
  store: ReleaseStore,
  name: string,
  listed: readonly StoredAsset[],
  context: FullContext,
): Promise<RemoteImage> {
  const assets = listed.filter((asset) => belongsTo(name, asset.name));
  const found = contentAssets(name, assets);
  if (found.length === 0) throw unknownImage(store, name, imagesIn(listed));
  const texts: Texts = async (wanted) => {
    const asset = assets.find((one) => one.name === wanted);
    return asset && readAsset(store, asset, context);
  };
  const text = await texts(indexName(name));
  const index = text === undefined ? undefined : parseIndex(text, indexName(name));
  if (index) requireIndexed(name, index, found);
  const parts = await Promise.all(
    found.map(async (asset, at) => {
      const sha256 = index?.parts[at]?.sha256 ?? (await store.digest(asset));
      return { asset, size: asset.size, sha256 };
    }),
  );
  const size = found.reduce((total, one) => total + one.size, 0);
  const sha256 = index?.sha256 ?? (await recordedSum(name, texts));
  return { name, size, sha256, parts, index, assets };
}

function unknownImage(store: ReleaseStore, name: string, names: readonly string[]): VmbuildError {
  return new VmbuildError("RELEASE_UNKNOWN", `${store.address} has no image ${name}`, {
    hint: names.length === 0 ? "It has no images." : `It has: ${names.join(", ")}.`,
  });
}

/**
 * Lists the assets of a release that must exist.
 * @throws {VmbuildError} RELEASE_UNKNOWN, RELEASE_FAILED.
 */
export async function listRelease(store: ReleaseStore): Promise<readonly StoredAsset[]> {
  const assets = await store.list();
  if (assets) return assets;
  throw new VmbuildError("RELEASE_UNKNOWN", `There is no release ${store.address}`, {
    hint: "Check --store and --tag. vmbuild release upload creates a release.",
  });
}
