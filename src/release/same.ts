/** Compares assets of a release. */
import type { StoredAsset } from "./store.js";

/** Returns whether two listings of a release mean the same asset with the same content. */
export function sameAsset(one: StoredAsset, other: StoredAsset): boolean {
  return one.name === other.name && one.id === other.id && one.size === other.size;
}
