/**
 * Manages cached inputs that are folders: the tree, `meta.json` that describes it, and its lock.
 */
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { statIfThere, temporaryBeside, writeFileAtomic } from "../host/files.js";
import { cacheKey } from "./cache.js";
import type { TreeMeta } from "./cache.js";
import type { FullContext } from "./context.js";

/** Paths of one cached tree. All are absolute. */
export interface TreeEntry {
  readonly folder: string;
  readonly tree: string;
  readonly meta: string;
  readonly lock: string;
}

/** Returns the paths of the tree with that key. Pure. */
export function treeEntry(key: string, cacheFolder: string): TreeEntry {
  const folder = join(cacheFolder, cacheKey(key));
  return {
    folder,
    tree: join(folder, "tree"),
    meta: join(folder, "meta.json"),
    lock: join(folder, "lock"),
  };
}

/** Replaces the old tree with a complete new one. */
async function replaceTree(fresh: string, tree: string): Promise<void> {
  const old = temporaryBeside(tree);
  if (await statIfThere(tree)) await rename(tree, old);
  await rename(fresh, tree);
  await rm(old, { recursive: true, force: true });
}

/**
 * Creates a new tree and puts it in the entry's place, with its metadata.
 * @param fill creates the tree in the given empty folder and returns its metadata.
 */
export async function fillTree(
  entry: TreeEntry,
  fill: (folder: string) => Promise<Omit<TreeMeta, "fetchedAt">>,
  { clock }: FullContext,
): Promise<TreeMeta> {
  const fresh = temporaryBeside(entry.tree);
  try {
    await mkdir(fresh);
    const made = await fill(fresh);
    // A crash after this line leaves a tree without metadata, which is created again.
    await rm(entry.meta, { force: true });
    await replaceTree(fresh, entry.tree);
    const meta: TreeMeta = { ...made, fetchedAt: new Date(clock.now()).toISOString() };
    await writeFileAtomic(entry.meta, `${JSON.stringify(meta, undefined, 2)}\n`);
    return meta;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
