/**
 * Determines the files of this host that an image consists of: itself, its backing files and data
 * files.
 */
import { access, constants, lstat, stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { imageInfoWithLocks } from "../machine/disk.js";
import type { ImageInfo } from "../machine/disk.js";
import { parseBackingName } from "./backing-name.js";
import type { ImageName } from "./backing-name.js";

/** Image that a build can start from. */
export interface ImageFiles {
  readonly path: string;
  /** Name of the driver in QEMU. */
  readonly format: string;
  /** Bytes. */
  readonly virtualSize: number;
  /** Absolute paths of the backing files and data files of the whole chain. */
  readonly otherFiles: readonly string[];
}

const MERGE_HINT =
  "Merge it into one image on the host that has all its files: qemu-img convert -O qcow2";

/** Creates the error for a file of an image's chain. */
function imageError(base: string, file: string, what: string, hint?: string): VmbuildError {
  const subject = file === base ? `The image ${base}` : `The image ${base} uses ${file}, which`;
  return new VmbuildError("BASE_INVALID", `${subject} ${what}`, {
    ...(hint === undefined ? {} : { hint }),
    details: { base, file },
  });
}

/** Returns device and inode of a readable file, which identify it regardless of its name. */
async function identify(base: string, file: string): Promise<string> {
  try {
    const status = await stat(file, { bigint: true });
    if (!status.isFile()) throw imageError(base, file, "is not a regular file");
    await access(file, constants.R_OK);
    return `${status.dev}:${status.ino}`;
  } catch (error) {
    const code = systemCode(error);
    if (code === "EACCES" || code === "EPERM") {
      throw imageError(base, file, "is not readable by this user");
    }
    if (code !== "ENOENT" && code !== "ENOTDIR" && code !== "ELOOP") throw error;
    const isLink = (await lstat(base).catch(() => undefined))?.isSymbolicLink() === true;
    const hint = isLink
      ? `${base} is a symbolic link, and relative names are resolved in its folder; use the path of its target.`
      : "Restore the file, or set another one: qemu-img rebase -u -b FILE -F FORMAT IMAGE.";
    throw imageError(base, file, "does not exist", hint);
  }
}

/** Returns the files beside an image that contain its data. */
function dataFilesOf(base: string, file: string, info: ImageInfo): string[] {
  const files = [...(info.dataFile === undefined ? [] : [info.dataFile]), ...info.extents];
  for (const name of files) {
    if (isAbsolute(name)) continue;
    const what = `keeps its data in ${name}, a relative name that QEMU resolves in the current folder`;
    throw imageError(base, file, what, `${MERGE_HINT}.`);
  }
  return files;
}

/**
 * Reads the headers of an image and of all its backing files with the locks of a machine that would
 * use them.
 * @param path absolute.
 * @param mayUseOtherFiles false: an image that refers to any other file is refused.
 * @throws {VmbuildError} BASE_INVALID for a file that is missing, encrypted, in use, not on this
 *   host, or part of a loop.
 */
export async function readImageFiles(
  path: string,
  { mayUseOtherFiles, signal }: { mayUseOtherFiles: boolean; signal: AbortSignal },
): Promise<ImageFiles> {
  const seen = new Map<string, string>();
  const add = async (file: string): Promise<void> => {
    const identity = await identify(path, file);
    if (seen.has(identity)) {
      throw imageError(path, file, "is its own backing file: the backing files form a loop");
    }
    seen.set(identity, file);
  };
  let top: ImageInfo | undefined;
  let next: ImageName | undefined = { name: path, files: [path], format: undefined };
  while (next) {
    for (const file of next.files) await add(file);
    const [file = path] = next.files;
    const info = await imageInfoWithLocks(next.name, next.format, signal);
    if (!info) {
      const hint =
        "Shut down the machine that uses it, or use a copy that was made while it was off.";
      throw imageError(path, file, "is open for writing in another program", hint);
    }
    if (info.encrypted) {
      const hint = "Decrypt it with qemu-img convert first.";
      throw imageError(path, file, "is encrypted", hint);
    }
    const other = info.backingFile ?? info.dataFile ?? info.extents[0];
    if (other !== undefined && !mayUseOtherFiles) {
      const hint = "A base must not refer to other files; flatten it with qemu-img convert.";
      throw imageError(path, file, `refers to another file: ${other}`, hint);
    }
    for (const name of dataFilesOf(path, file, info)) await add(name);
    top ??= info;
    next = backingOf(path, file, info);
  }
  if (!top) throw new Error("an image has a header at least");
  const otherFiles = [...seen.values()].slice(1);
  return { path, format: top.format, virtualSize: top.virtualSize, otherFiles };
}

function backingOf(base: string, file: string, info: ImageInfo): ImageName | undefined {
  if (info.backingFile === undefined) return undefined;
  const parsed = parseBackingName(info.backingFile, info.backingFormat);
  if (!("problem" in parsed)) return parsed;
  throw imageError(
    base,
    file,
    `has the backing file ${info.backingFile}, ${parsed.problem}`,
    `${MERGE_HINT}.`,
  );
}
