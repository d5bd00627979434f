/** Checks and writes files that options name; the check comes before any other work. */
import { access, appendFile, constants, open, realpath, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { checksumPath } from "../artifact/checksum-files.js";
import { ALGORITHMS } from "../artifact/digest.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import { VmbuildError, messageOf } from "../errors.js";
import { makeFolder, statIfThere, temporaryBeside, writeFileAtomic } from "../host/files.js";

function cannotWrite(flag: string, path: string, cause: unknown): VmbuildError {
  const message = `${flag}: ${path} cannot be written: ${messageOf(cause)}`;
  return new VmbuildError("HOST_OUTPUT", message, { cause, details: { path } });
}

/** Resolves links as far as files exist. The resolved path of a pipe cannot be opened. */
async function realOf(path: string): Promise<string> {
  const folder = await realpath(dirname(path)).catch(() => dirname(path)); // The file does not exist yet.
  return realpath(path).catch(() => join(folder, basename(path))); // The file does not exist yet.
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

/**
 * Returns whether the path is a regular file or missing. Devices and pipes are written directly,
 * because a rename would replace them.
 */
async function isPlain(path: string): Promise<boolean> {
  const status = await statIfThere(path);
  return status === undefined || (status.isFile() && !/^\/(dev|proc)\//.test(path));
}

/**
 * Requires that the file of an option can be written, and creates its folder.
 * @param path the value of the option; nothing is required when it is absent.
 * @param image the finished image of the command, whose files must not be overwritten.
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
    // If something other than a folder exists, the attempt to write reports it.
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
 * Writes the file of an option: atomically, or directly to a device or a pipe.
 * @throws {VmbuildError} HOST_OUTPUT.
 */
export async function writeOptionFile(
  flag: string,
  path: string,
  text: string | Uint8Array,
): Promise<void> {
  try {
    if (await isPlain(path)) await writeFileAtomic(await realOf(path), text);
    else if (path === "/dev/stdout") process.stdout.write(text);
    else if (path === "/dev/stderr") process.stderr.write(text);
    else await appendFile(path, text);
  } catch (error) {
    throw cannotWrite(flag, path, error);
  }
}
