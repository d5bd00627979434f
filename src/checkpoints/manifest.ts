/**
 * What a state of a machine was made from, in readable form, and the key that follows from it.
 * A key holds as long as nothing below it changed; a manifest says what did.
 */
import { createHash } from "node:crypto";

/** What was used, by name: `machine cpus` → `4`, `file appliance.sh` → `0755 sha256:…`. */
export type Manifest = Readonly<Record<string, string>>;

/** The key of a state, in hex: of the state before it and of what led from there to here. */
export function keyOf(parent: string, manifest: Manifest): string {
  const entries = Object.entries(manifest).toSorted(([one], [other]) => (one < other ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([parent, entries]))
    .digest("hex");
}

/** The key of a state that somebody changed by hand: nothing else leads to it. */
export function keyAfterChange(key: string, nonce: string): string {
  return createHash("sha256")
    .update(JSON.stringify(["changed by hand", key, nonce]))
    .digest("hex");
}

/** One difference of two manifests. A missing value was not there. */
export interface Difference {
  readonly name: string;
  readonly before?: string;
  readonly now?: string;
}

/** What differs, in the order of names; those that are only in `before` come last. */
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
