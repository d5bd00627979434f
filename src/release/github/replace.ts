/** Replaces the assets of an image by renaming: first the old ones, then the new ones. */
import type { VmbuildError } from "../../errors.js";
import { allOrNothing } from "../all-or-nothing.js";
import { belongsTo, indexLast, isRetiredOf, retiredName } from "../names.js";
import { ReleaseChanged } from "../store.js";
import type { Change } from "../store.js";
import { statusIn } from "./assets.js";
import type { GithubAsset, Releases } from "./assets.js";

interface Renaming {
  readonly id: number;
  readonly from: string;
  readonly to: string;
}

/**
 * Plans the renamings of a change. While the old names are gone and the new ones are incomplete,
 * consumers find too little instead of a mixture.
 */
function planRenamings({ image, add, keep }: Change, there: readonly GithubAsset[]): Renaming[] {
  const staying = new Set([
    ...keep.map(({ id }) => Number(id)),
    // Another upload of the same content may have named it already.
    ...add.map(({ id }) => Number(id)),
  ]);
  const old = there.filter(({ id, name }) => belongsTo(image, name) && !staying.has(id));
  const retired = indexLast(image, old).map(({ id, name }) => ({
    id,
    from: name,
    to: retiredName(image, String(id)),
  }));
  const named = indexLast(image, add)
    .toReversed()
    .flatMap(({ id, name }) => {
      const asset = there.find((one) => one.id === Number(id));
      return asset && asset.name !== name ? [{ id: asset.id, from: asset.name, to: name }] : [];
    });
  return [...retired, ...named];
}

/**
 * Makes a change, for the holder of the image's lock. When it fails, the old names are restored.
 * @param there all assets of the release.
 * @throws {ReleaseChanged} when an asset of the change is gone.
 */
export async function replaceAssets(
  releases: Releases,
  change: Change,
  there: readonly GithubAsset[],
): Promise<void> {
  const { image, add, keep } = change;
  const complete = there.filter(({ state }) => state === "uploaded");
  const ids = new Set(complete.map(({ id }) => id));
  const isThere = add.every(({ id }) => ids.has(Number(id)));
  const isKept = keep.every(({ id, name }) =>
    complete.some((asset) => asset.id === Number(id) && asset.name === name),
  );
  if (!isThere || !isKept) throw new ReleaseChanged(image);
  // Uploads that were cut have no content, and only occupy names.
  const cut = there.filter(({ name, state }) => state !== "uploaded" && belongsTo(image, name));
  for (const asset of cut) await releases.delete(asset);
  const renamings = planRenamings(change, complete);
  const steps = renamings.map(({ id, from, to }) => ({
    run: () => releases.rename(id, to),
    undo: () => releases.rename(id, from),
  }));
  try {
    await allOrNothing(steps);
  } catch (error) {
    throw statusIn(error) === 404 ? new ReleaseChanged(image) : (error as VmbuildError);
  }
  for (const { id, name } of complete) {
    if (isRetiredOf(image, name)) await releases.delete({ id, name });
  }
  for (const { id, from, to } of renamings) {
    if (isRetiredOf(image, to)) await releases.delete({ id, name: from });
  }
}
