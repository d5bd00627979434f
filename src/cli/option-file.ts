/** Files that options name: whether they can be written, before anything else is done. */
import { access, appendFile, constants, open, realpath, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { checksumPath } from "../artifact/checksum-files.js";
import { ALGORITHMS } from "../artifact/digest.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import { VmbuildError, messageOf } from "../errors.js";
import { makeFolder, statIfThere, temporaryBeside, writeWhole } from "../host/files.js";

function cannotWrite(flag: string, path: string, cause: unknown): VmbuildError {
  const message = `${flag}: ${path} cannot be written: ${messageOf(cause)}`;
  return new VmbuildError("HOST_OUTPUT", message, { cause, details: { path } });
}

/** The path with links followed as far as there are files; a pipe's is not one that can be opened. */
async function realOf(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path)); // Not there yet.
  return realpath(path).catch(() => join(folder, basename(path))); // Likewise.
}

async function requireOther(flag: string, path: string, image: string): Promise<void> {
  const names = ALGORITHMS.map((algorithm) => checksumPath(image, algorithm));
  for (const own of [image, ...names, join(dirname(image), MANIFEST_NAME)]) {
    if ((await realOf(path)) !== (await realOf(own))) continue;
    throw new VmbuildError("USAGE", `${flag}: ${path} belongs to the finished image`, {
      hint: "Use another file; this one would be overwritten.",
    });
  }
}

/** Devices, pipes and the like are written to where they are; nothing can take their place. */
async function isPlain(path: string): Promise<boolean> {
  const status = await statIfThere(path);
  return status === undefined || (status.isFile() && !/^\/(dev|proc)\//.test(path));
}

/**
 * Requires that the file of an option can be written, and makes its folder.
 * @param path as it was given; nothing is required where it was not.
 * @param image the finished image that the command is about: its files are not for options.
 * @returns the absolute path.
 * @throws {VmbuildError} USAGE, or HOST_OUTPUT with the reason.
 */
export async function requireOptionFile(
  flag: string,
  path: string | undefined,
  image?: string,
): Promise<string | undefined> {
  if (path === undefined) return undefined;
  if (path === "") throw new VmbuildError("USAGE", `${flag}: the file path is empty`);
  const absolute = resolve(path);
  if (image !== undefined) await requireOther(flag, absolute, image);
  try {
    if ((await statIfThere(absolute))?.isDirectory()) {
      throw new VmbuildError("USAGE", `${flag}: ${path} is a folder`);
    }
    if (!(await isPlain(absolute))) {
      await access(absolute, constants.W_OK);
      return absolute;
    }
    const folder = dirname(absolute);
    // What is there and is no folder shows when the file is tried.
    if (!(await statIfThere(folder))) await makeFolder(folder);
    await tryToWrite(await realOf(absolute));
  } catch (error) {
    throw error instanceof VmbuildError ? error : cannotWrite(flag, path, error);
  }
  return absolute;
}

async function tryToWrite(path: string): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await (await open(temporary, "wx")).close();
  } finally {
    await rm(temporary, { force: true });
  }
}

/**
 * Writes the file of an option: as a whole, or to a device or a pipe as it is.
 * @throws {VmbuildError} HOST_OUTPUT.
 */
export async function writeOptionFile(flag: string, path: string, text: string): Promise<void> {
  try {
    if (await isPlain(path)) await writeWhole(await realOf(path), text);
    else if (path === "/dev/stdout") process.stdout.write(text);
    else if (path === "/dev/stderr") process.stderr.write(text);
    else await appendFile(path, text);
  } catch (error) {
    throw cannotWrite(flag, path, error);
  }
}
