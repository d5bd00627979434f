/** Inputs that are folders, in the cache: the tree, what `meta.json` says about it, and its lock. */
import { mkdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { statIfThere, temporaryBeside, writeFileAtomic } from "../host/files.js";
import { cacheKey } from "./cache.js";
import type { TreeMeta } from "./cache.js";
import type { FullContext } from "./context.js";

/** Where the parts of one cached tree lie. All paths are absolute. */
export interface TreeEntry {
  readonly folder: string;
  readonly tree: string;
  readonly meta: string;
  readonly lock: string;
}

/** The places of the tree that `key` names. Pure. */
export function treeEntry(key: string, cacheFolder: string): TreeEntry {
  const folder = join(cacheFolder, cacheKey(key));
  return {
    folder,
    tree: join(folder, "tree"),
    meta: join(folder, "meta.json"),
    lock: join(folder, "lock"),
  };
}

/** Puts a whole new tree in the old one's place. */
async function replaceTree(fresh: string, tree: string): Promise<void> {
  const old = temporaryBeside(tree);
  if (await statIfThere(tree)) await rename(tree, old);
  await rename(fresh, tree);
  await rm(old, { recursive: true, force: true });
}

/**
 * Has a new tree made and puts it in the entry's place, with its record.
 * @param fill makes the tree in the empty folder that it is given, and tells what it is.
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
    // Between these two a crash leaves a tree without a record, which is made again.
    await rm(entry.meta, { force: true });
    await replaceTree(fresh, entry.tree);
    const meta: TreeMeta = { ...made, fetchedAt: new Date(clock.now()).toISOString() };
    await writeFileAtomic(entry.meta, `${JSON.stringify(meta, undefined, 2)}\n`);
    return meta;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
