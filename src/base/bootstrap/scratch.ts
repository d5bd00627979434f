/** The folder in which a root file system is unpacked, and its removal, come what may. */
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Emit } from "../../events/types.js";
import { statIfThere } from "../../host/files.js";
import { isLocked, tryLock } from "../../host/lock.js";
import type { Rights } from "./namespace.js";
import { runAsOwner } from "./namespace.js";

/** A place for one tree. */
export interface Scratch {
  /** Where the tree goes; not there yet. */
  readonly tree: string;
  /** Removes all of it. Takes no signal: aborts end here. */
  remove(): Promise<void>;
}

const PREFIX = "vmbuild-bootstrap-";
/** Held by the run that uses the folder; its presence tells a folder that is ready to be judged. */
const LOCK = "lock";

/** Where a tree goes that its owner must reach from outside of the caller's private folders. */
function publicFolder(): string {
  // Not /tmp: often in memory, and a tree has a gigabyte.
  return process.env["TMPDIR"] ?? "/var/tmp";
}

/** Removes a folder whose tree may belong to others. */
async function removeFolder(rights: Rights, folder: string): Promise<void> {
  const tree = join(folder, "tree");
  if (rights.mapped && (await statIfThere(tree)) !== undefined) {
    // It may empty the tree's own folder but not remove it, which is ours: no matter.
    await runAsOwner(rights, "rm", ["-rf", "--one-file-system", "--", tree]);
  }
  await rm(folder, { recursive: true, force: true });
}

/**
 * Makes an empty folder for the tree: in the work folder, or, where the tree's owner is neither
 * the caller nor root and could not pass the private folders above it, in a public one.
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

/** Removes what this user's runs left in the public folder when they were killed, and says so. */
export async function removeAbandonedScratch(rights: Rights, emit: Emit): Promise<void> {
  if (!rights.mapped) return;
  const names = (await readdir(publicFolder())).filter((name) => name.startsWith(PREFIX));
  for (const folder of names.map((name) => join(publicFolder(), name))) {
    const lock = join(folder, LOCK);
    const owner = await stat(folder).then(
      (status) => status.uid,
      () => undefined, // another run has just removed it
    );
    if (owner !== process.getuid?.() || (await statIfThere(lock)) === undefined) continue;
    if (await isLocked(lock)) continue;
    await removeFolder(rights, folder);
    emit({ type: "note", message: `Removed ${folder}, left by a killed run` });
  }
}
