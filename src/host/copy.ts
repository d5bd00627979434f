/** Copies files and folders of this host with their metadata. */
import { constants } from "node:fs";
import type { Stats } from "node:fs";
import {
  chmod,
  copyFile,
  lstat,
  mkdir,
  readdir,
  readlink,
  symlink,
  utimes,
} from "node:fs/promises";
import { dirname } from "node:path";
import { childPath } from "./file-names.js";
import { makeFolder } from "./files.js";

async function copyMetadata({ mode, atime, mtime }: Stats, target: Buffer): Promise<void> {
  await chmod(target, mode & 0o7777);
  await utimes(target, atime, mtime);
}

async function copyEntry(source: Buffer, target: Buffer): Promise<void> {
  const status = await lstat(source);
  if (status.isSymbolicLink()) {
    await symlink(await readlink(source, { encoding: "buffer" }), target);
  } else if (status.isDirectory()) {
    await mkdir(target, { recursive: true, mode: 0o700 });
    for (const name of await readdir(source, { encoding: "buffer" })) {
      await copyEntry(childPath(source, name), childPath(target, name));
    }
    await copyMetadata(status, target);
  } else if (status.isFile()) {
    await copyFile(source, target, constants.COPYFILE_FICLONE);
    await copyMetadata(status, target);
  }
}

/**
 * Copies a file, a link or a folder with its content, modes and times. Links stay links. Names may
 * be any bytes, which Node's own `cp` does not support. Sockets, pipes and devices are skipped.
 * @param target is created with its parent folders; it must not exist yet or be an empty folder.
 */
export async function copyTree(source: string, target: string): Promise<void> {
  await makeFolder(dirname(target));
  await copyEntry(Buffer.from(source), Buffer.from(target));
}
