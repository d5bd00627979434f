/**
 * Defines manifests, which describe what a checkpoint depends on, and the keys computed from them.
 * A key is valid as long as nothing that it covers has changed; the manifests tell what has.
 */
import { createHash } from "node:crypto";

/** Dependencies by name: `machine cpus` → `4`, `file appliance.sh` → `0755 sha256:…`. */
export type Manifest = Readonly<Record<string, string>>;

/** Returns the key of a checkpoint, in hex, from the previous key and the step's manifest. */
export function keyOf(parent: string, manifest: Manifest): string {
  const entries = Object.entries(manifest).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([parent, entries]))
    .digest("hex");
}

/** Returns the key of a checkpoint that was modified with `vmbuild ssh --save`. It is unique. */
export function keyAfterChange(key: string, nonce: string): string {
  return createHash("sha256")
    .update(JSON.stringify(["changed by hand", key, nonce]))
    .digest("hex");
}

/** Difference between two manifests. A missing value means that the entry does not exist. */
export interface Difference {
  readonly name: string;
  readonly before?: string;
  readonly now?: string;
}

/** Returns the differences in the order of names, followed by entries that only `before` has. */
export function differencesOf(before: Manifest, now: Manifest): Difference[] {
  const changed = Object.keys(now)
    .filter((name) => before[name] !== now[name])
    .map((name): Difference => {
      const old = before[name];
      const value = now[name] ?? "";
      return old === undefined ? { name, now: value } : { name, before: old, now: value };
    });
  const gone = Object.keys(before)
    .filter((name) => !(name in now))
    .map((name): Difference => ({ name, before: before[name] ?? "" }));
  return [...changed, ...gone];
}
