/** The folder in which a root file system is unpacked, and its removal, come what may. */
import { chmod, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import { statIfThere } from "../../host/files.js";
import type { Rights } from "./namespace.js";
import { runAsOwner } from "./namespace.js";

const PREFIX = "vmbuild-bootstrap-";

/** Where a tree goes that its owner must reach from outside of the caller's private folders. */
function publicFolder(): string {
  // Not /tmp: often in memory, and a tree has a gigabyte.
  return process.env["TMPDIR"] ?? "/var/tmp";
}

/**
 * Makes an empty folder for the tree. Its owner in a user namespace is neither the caller nor
 * root, and could not pass the private folders above a work folder.
 */
export async function makeScratch(rights: Rights, workFolder: string): Promise<string> {
  if (!rights.mapped) return await mkdtemp(join(workFolder, "tree-"));
  const folder = await mkdtemp(join(publicFolder(), `${PREFIX}${process.pid}-`));
  await chmod(folder, 0o755);
  return folder;
}

/** Removes a scratch folder, whoever its files belong to. Takes no signal: aborts end here. */
export async function removeScratch(rights: Rights, folder: string): Promise<void> {
  const tree = join(folder, "tree");
  if (rights.mapped && (await statIfThere(tree)) !== undefined) {
    await runAsOwner(rights, "rm", ["-rf", "--one-file-system", "--", tree]);
  }
  await rm(folder, { recursive: true, force: true });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

/** Removes what runs that were killed outright left in the public folder, and says so. */
export async function tidyScratch(rights: Rights, emit: Emit): Promise<void> {
  if (!rights.mapped) return;
  for (const name of await readdir(publicFolder())) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    const folder = join(publicFolder(), name);
    if ((await stat(folder)).uid !== process.getuid?.()) continue;
    await removeScratch(rights, folder);
    emit({ type: "note", message: `removed ${folder}, left by a run that was killed` });
  }
}
