/** Lays out the files of a bundle below a folder of this host, with the paths that they came from. */
import { createHash, randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  utimes,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import { systemCode } from "../../errors.js";
import { makePrivateFolder, statIfThere } from "../../host/files.js";
import type { BundleEntry } from "../messages.js";
import type { ContentStore } from "./store.js";

async function writeEntries(
  root: string,
  entries: readonly BundleEntry[],
  store: ContentStore,
): Promise<void> {
  const at = (path: string): string => join(root, path);
  for (const entry of entries) {
    await mkdir(entry.type === "directory" ? at(entry.path) : dirname(at(entry.path)), {
      recursive: true,
    });
    if (entry.type !== "file") continue;
    // Shared with the store where the file system can do that, so that a large image is no copy.
    await copyFile(store.pathOf(entry), at(entry.path), constants.COPYFILE_FICLONE);
    await chmod(at(entry.path), entry.mode | 0o400);
  }
  // Read-only folders are filled first.
  for (const entry of entries.toReversed()) {
    if (entry.type === "directory") await chmod(at(entry.path), entry.mode | 0o700);
  }
  // Nothing is written through a link.
  for (const entry of entries) {
    if (entry.type !== "symlink") continue;
    await symlink(entry.link, at(entry.path)).catch((error: unknown) => {
      // A template also names a file by a path through the link.
      if (systemCode(error) !== "EEXIST") throw error;
    });
  }
}

/** Returns the name of a bundle, which is that of its content. Pure. */
export function bundleId(entries: readonly BundleEntry[]): string {
  return createHash("sha256").update(JSON.stringify(entries)).digest("hex").slice(0, 32);
}

/**
 * Lays out a bundle, or finds it as an earlier run has left it.
 * @returns the folder below which the files have their paths. Absolute.
 */
export async function layOut(
  folder: string,
  entries: readonly BundleEntry[],
  store: ContentStore,
): Promise<string> {
  const trees = join(folder, "bundles");
  await makePrivateFolder(trees);
  const tree = join(trees, bundleId(entries));
  const now = new Date();
  if (!(await statIfThere(tree))) {
    const temporary = `${tree}.${randomBytes(4).toString("hex")}.part`;
    try {
      await mkdir(temporary, { mode: 0o700 });
      await writeEntries(temporary, entries, store);
      await rename(temporary, tree).catch(async (error: unknown) => {
        // Another run with the same bundle was faster.
        if (!(await statIfThere(tree))) throw error;
      });
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  }
  await utimes(tree, now, now);
  return tree;
}

/**
 * Removes bundles that were not used since a time.
 * @param before milliseconds since the epoch.
 * @param isUsed returns whether a run in progress uses a bundle.
 */
export async function pruneTrees(
  folder: string,
  before: number,
  isUsed: (tree: string) => boolean,
): Promise<void> {
  const trees = join(folder, "bundles");
  if (!(await statIfThere(trees))) return;
  for (const name of await readdir(trees)) {
    const tree = join(trees, name);
    if ((await stat(tree)).mtimeMs >= before || isUsed(tree)) continue;
    await rm(tree, { recursive: true, force: true });
  }
}
