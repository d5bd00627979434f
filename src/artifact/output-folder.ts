/** Takes an output folder into use before anything is built for it. */
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

/** Bytes. An image takes at least this much; `qemu-img measure` tells more once there is a disk. */
const LEAST_SPACE = 256 * 2 ** 20;

/** An output folder that is this run's alone. Dispose of it. */
export type OutputClaim = AsyncDisposable;

/**
 * Makes the output folder where it is not there, and requires that the artifact can be written to
 * it: it holds no other template's artifact, a file can be made in it, there is some space, and no
 * other run writes to it. While the claim is held, no other run can claim it. A folder that was
 * made for the claim and is still empty in the end is removed again.
 * @throws {VmbuildError} OUTPUT_TAKEN, OUTPUT_UNWRITABLE, ARTIFACT_SPACE.
 */
export async function claimOutputFolder(target: OutputTarget): Promise<OutputClaim> {
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
      // Another run may have published between the first look and the lock.
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

/** @returns the topmost folder that had to be made, or undefined. */
async function makeOutputFolder(folder: string): Promise<string | undefined> {
  try {
    const made = await makeFolder(folder);
    if ((await stat(folder)).isDirectory()) return made;
  } catch (error) {
    throw (await obstacle(folder)) ?? folderError(folder, error);
  }
  throw (
    (await obstacle(folder)) ??
    new VmbuildError("OUTPUT_UNWRITABLE", `The output folder ${folder} is not a folder`)
  );
}

/** Finds what stands where the folder or one of its parents would be: a file, or a broken link. */
async function obstacle(folder: string): Promise<VmbuildError | undefined> {
  for (let at = folder; dirname(at) !== at; at = dirname(at)) {
    const status = await lstat(at).catch(() => undefined); // Not there: its parent is looked at.
    if (status === undefined || status.isDirectory()) continue;
    const real = await stat(at).catch(() => undefined); // A link that leads nowhere.
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

/** Makes a file with the longest name that will be needed, and removes it again. */
async function tryToWrite({ folder, filename }: OutputTarget): Promise<void> {
  const path = temporaryBeside(join(folder, checksumPath(filename, "sha512")));
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
    await rm(path, { force: true }).catch(() => {}); // It could not be made; that is reported.
  }
}

/** In a folder with the sticky bit, only its owner can replace a file. */
async function requireReplaceable({ folder, filename }: OutputTarget): Promise<void> {
  const user = process.geteuid?.() ?? 0;
  const { mode, uid } = await stat(folder);
  if (user === 0 || uid === user || (mode & 0o1000) === 0) return;
  for (const name of [filename, MANIFEST_NAME]) {
    const path = join(folder, name);
    const status = await lstat(path).catch(() => undefined); // Not there: nothing to replace.
    if (status === undefined || status.uid === user) continue;
    throw new VmbuildError("OUTPUT_UNWRITABLE", `${path} belongs to another user`, {
      details: { folder, path },
    });
  }
}

async function requireSpaceFor(folder: string): Promise<void> {
  const free = await freeSpace(folder);
  if (free >= LEAST_SPACE) return;
  const [needed, there] = formatSizes(LEAST_SPACE, free);
  throw new VmbuildError(
    "ARTIFACT_SPACE",
    `The image needs at least ${needed} in ${folder}, where only ${there} are free`,
    { details: { folder, needed: LEAST_SPACE, free } },
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

/** Removes the folders that were made, from the innermost on, as far as nothing is in them. */
async function removeEmpty(folder: string, made: string | undefined): Promise<void> {
  if (made === undefined) return;
  for (let at = folder; ; at = dirname(at)) {
    try {
      await rmdir(at);
    } catch (error) {
      if (systemCode(error) !== "ENOENT") return; // In use, or not ours to remove any more.
    }
    if (at === made || dirname(at) === at) return;
  }
}
