/** Creates and removes the folder in which a root file system is unpacked. */
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../../events/types.js";
import { statIfThere } from "../../host/files.js";
import { isLocked, tryLock } from "../../host/lock.js";
import type { Rights } from "./namespace.js";
import { runAsOwner } from "./namespace.js";

/** Folder for one tree. */
export interface Scratch {
  /** Path of the tree, which does not exist yet. */
  readonly tree: string;
  /** Removes the folder. Not cancellable, since it runs after cancellation. */
  remove(): Promise<void>;
}

const PREFIX = "vmbuild-bootstrap-";
/** Lock of the run that uses the folder. A folder without it is still being created. */
const LOCK = "lock";

/** Returns the folder for trees whose owner cannot access the caller's private folders. */
function publicFolder(): string {
  // Not /tmp, which is often in memory: a tree takes about a gigabyte.
  return process.env["TMPDIR"] ?? "/var/tmp";
}

/** Removes a folder whose tree may belong to other users. */
async function removeFolder(rights: Rights, folder: string): Promise<void> {
  const tree = join(folder, "tree");
  if (rights.mapped && (await statIfThere(tree)) !== undefined) {
    // The owner of the tree can empty the tree's top folder but not remove it; `rm` below does
    // that.
    await runAsOwner(rights, "rm", ["-rf", "--one-file-system", "--", tree]);
  }
  await rm(folder, { recursive: true, force: true });
}

/**
 * Creates an empty folder for the tree: in the work folder, or in a public one where the tree's
 * owner is neither the caller nor root and has no access to the caller's private folders.
 */
export async function makeScratch(rights: Rights, workFolder: string): Promise<Scratch> {
  if (!rights.mapped) {
    const folder = await mkdtemp(join(workFolder, "tree-"));
    return { tree: join(folder, "tree"), remove: () => removeFolder(rights, folder) };
  }
  const folder = await mkdtemp(join(publicFolder(), PREFIX));
  const lock = await tryLock(join(folder, LOCK));
  const remove = async (): Promise<void> => {
    try {
      await removeFolder(rights, folder);
    } finally {
      await lock?.release();
    }
  };
  try {
    await chmod(folder, 0o755);
  } catch (error) {
    await remove();
    throw error;
  }
  return { tree: join(folder, "tree"), remove };
}

/** Removes folders of this user's killed runs from the public folder, with a note. */
export async function removeAbandonedScratch(rights: Rights, emit: Emit): Promise<void> {
  if (!rights.mapped) return;
  const names = (await readdir(publicFolder())).filter((name) => name.startsWith(PREFIX));
  for (const folder of names.map((name) => join(publicFolder(), name))) {
    const lock = join(folder, LOCK);
    const owner = await stat(folder).then(
      (status) => status.uid,
      () => undefined, // Another run has just removed it.
    );
    if (owner !== process.getuid?.() || (await statIfThere(lock)) === undefined) continue;
    if (await isLocked(lock)) continue;
    await removeFolder(rights, folder);
    emit({ type: "note", message: `Removed ${folder}, left by a killed run` });
  }
}
