/** Replaces the assets of an image in a bucket by copies: first the old ones go, then the new ones come. */
import { allOrNothing } from "../all-or-nothing.js";
import { isRetiredOf, retiredName, stagingKey } from "../names.js";
import type { Staged, StoredAsset } from "../store.js";
import type { Bucket } from "./bucket.js";

/** Largest object in bytes that a single request copies. */
const MAX_COPY_BYTES = 5 * 2 ** 30;

/** What is replaced in a bucket, and by what. */
export interface Replacement {
  readonly image: string;
  /** Assets that go, in this order. */
  readonly remove: readonly StoredAsset[];
  /** Complete objects, whose ids are their names. */
  readonly add: readonly Staged[];
}

/**
 * Makes a replacement, for the holder of the image's lock. The old assets are kept as copies under
 * other names until the new ones have theirs: when that fails, they are copied back, and the new
 * names are deleted. Objects of others that are too large to be copied cannot be brought back.
 */
export async function replaceObjects(
  bucket: Bucket,
  { image, remove, add }: Replacement,
): Promise<void> {
  const old = remove.map(({ name, id, size }) => {
    const copy = size > MAX_COPY_BYTES ? undefined : retiredName(image, stagingKey(name, id));
    return { name, copy };
  });
  // Copies come first: where the right to copy is missing, nothing is deleted.
  for (const { name, copy } of old) if (copy !== undefined) await bucket.copy(name, copy);
  await allOrNothing([
    ...old.map(({ name, copy }) => ({
      run: () => bucket.delete(name),
      async undo() {
        if (copy !== undefined) await bucket.copy(copy, name);
      },
    })),
    ...add.map(({ name, id }) => ({
      run: () => bucket.copy(id, name),
      undo: () => bucket.delete(name),
    })),
  ]);
  for (const { id } of add) await bucket.delete(id);
}

/** Deletes the copies of replaced assets of an image, also those that a killed upload has left. */
export async function deleteRetired(bucket: Bucket, image: string): Promise<void> {
  for (const { name } of await bucket.list()) {
    if (isRetiredOf(image, name)) await bucket.delete(name);
  }
}
