/** Removes images from a release. */
import { VmbuildError } from "../errors.js";
import type { CatalogOptions } from "./catalog.js";
import { belongsTo } from "./names.js";
import { openRelease } from "./registry.js";
import { imagesIn, listRelease } from "./remote.js";

/** Result of the removal of one image. */
export interface RemoveResult {
  readonly name: string;
  /** Names of the assets that were removed, or would be. */
  readonly removed: readonly string[];
}

/**
 * Removes images from a release, incomplete ones too.
 * @param options `execute`: false only finds out what would be removed.
 * @throws {VmbuildError} USAGE, RELEASE_FAILED; the reason of the signal; RELEASE_UNKNOWN, also for an image
 *   that is not there, before anything is removed.
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
