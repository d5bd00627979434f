/** Prepares and locks an output folder before the build starts. */
import { lstat, open, readlink, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { freeSpace, makeFolder, temporaryBeside } from "../host/files.js";
import { formatSizes } from "../host/format.js";
import { tryLockFolder } from "../host/lock.js";
import { checksumPath } from "./checksum-files.js";
import { folderError } from "./failures.js";
import { MANIFEST_NAME } from "./manifest.js";
import { requireOwnFolder } from "./output-owner.js";
import type { OutputTarget } from "./output-owner.js";

/**
 * Smallest size of an image in bytes. `qemu-img measure` gives the actual size once there is a
 * disk.
 */
const MIN_SPACE = 256 * 2 ** 20;

/** Lock on an output folder. Dispose of it to release the lock. */
export type OutputFolderLock = AsyncDisposable;

/**
 * Creates and locks the output folder, and requires that the artifact can be written to it: it
 * contains no other template's artifact, a file can be created in it, there is some space, and no
 * other run uses it. A folder that was created for the lock and is still empty is removed at the
 * end.
 * @throws {VmbuildError} OUTPUT_TAKEN, OUTPUT_UNWRITABLE, ARTIFACT_SPACE.
 */
export async function lockOutputFolder(target: OutputTarget): Promise<OutputFolderLock> {
  const { folder } = target;
  await requireOwnFolder(target);
  const made = await makeOutputFolder(folder);
  const removeMade = (): Promise<void> => removeEmpty(folder, made);
  try {
    await requireReplaceable(target);
    await tryToWrite(target);
    await requireSpaceFor(folder);
    const lock = await lockFolder(folder);
    try {
      // Another run may have published between the first check and the lock.
      await requireOwnFolder(target);
    } catch (error) {
      await lock?.release();
      throw error;
    }
    return {
      async [Symbol.asyncDispose]() {
        await lock?.release();
        await removeMade();
      },
    };
  } catch (error) {
    await removeMade();
    throw error;
  }
}

/**
 * Creates the folder.
 * @returns the topmost folder that had to be created, or undefined.
 */
async function makeOutputFolder(folder: string): Promise<string | undefined> {
  try {
    const made = await makeFolder(folder);
    if ((await stat(folder)).isDirectory()) return made;
  } catch (error) {
    throw (await findObstacle(folder)) ?? folderError(folder, error);
  }
  throw (
    (await findObstacle(folder)) ??
    new VmbuildError("OUTPUT_UNWRITABLE", `The output folder ${folder} is not a folder`)
  );
}

/** Finds a file or a broken link in place of the folder or one of its parents. */
async function findObstacle(folder: string): Promise<VmbuildError | undefined> {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const status = await lstat(at).catch(() => undefined); // It does not exist, so its parent is checked.
    if (status === undefined || status.isDirectory()) continue;
    const real = await stat(at).catch(() => undefined); // The link is broken.
    if (real?.isDirectory()) continue;
    const what = status.isSymbolicLink()
      ? `a symbolic link to ${await readlink(at)}, which is not a folder`
      : "not a folder";
    const which = at === folder ? "" : ` The output folder would be ${folder}.`;
    return new VmbuildError("OUTPUT_UNWRITABLE", `${at} is ${what}.${which}`, {
      details: { folder, obstacle: at },
    });
  }
  return undefined;
}

/** Creates files with the longest names that will be needed, and removes them again. */
async function tryToWrite({ folder, filenames }: OutputTarget): Promise<void> {
  for (const filename of filenames) await tryToWriteFile(folder, checksumPath(filename, "sha512"));
}

async function tryToWriteFile(folder: string, name: string): Promise<void> {
  const path = temporaryBeside(join(folder, name));
  try {
    const handle = await open(path, "wx");
    try {
      await handle.write("vmbuild\n");
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw folderError(folder, error);
  } finally {
    await rm(path, { force: true }).catch(() => {}); // The file could not be created, which is reported.
  }
}

/**
 * Requires that existing files can be replaced: in a folder with the sticky bit, only their owner
 * can.
 */
async function requireReplaceable({ folder, filenames }: OutputTarget): Promise<void> {
  const user = process.geteuid?.() ?? 0;
  const { mode, uid } = await stat(folder);
  if (user === 0 || uid === user || (mode & 0o1000) === 0) return;
  for (const name of [...filenames, MANIFEST_NAME]) {
    const path = join(folder, name);
    const status = await lstat(path).catch(() => undefined); // There is no file to replace.
    if (status === undefined || status.uid === user) continue;
    throw new VmbuildError("OUTPUT_UNWRITABLE", `${path} belongs to another user`, {
      details: { folder, path },
    });
  }
}

async function requireSpaceFor(folder: string): Promise<void> {
  const free = await freeSpace(folder);
  if (free >= MIN_SPACE) return;
  const [needed, there] = formatSizes(MIN_SPACE, free);
  throw new VmbuildError(
    "ARTIFACT_SPACE",
    `The image needs at least ${needed} in ${folder}, where only ${there} are free`,
    { details: { folder, needed: MIN_SPACE, free } },
  );
}

async function lockFolder(folder: string) {
  const lock = await tryLockFolder(folder);
  if (lock !== "taken") return lock;
  throw new VmbuildError("OUTPUT_TAKEN", `Another run is writing to ${folder}`, {
    hint: "Wait until it ends, or use another folder with --output DIR.",
    details: { folder },
  });
}

/**
 * Removes the folders that were created, from the innermost one up to the first that is not empty.
 */
async function removeEmpty(folder: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  for (let at = folder; ; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") return; // The folder is in use, or belongs to another user now.
    }
    if (at === made || dirname(at) === at) return;
  }
}
