/** Finds files of the host that a Packer template names. */
import { readFile, readdir, stat } from "node:fs/promises";
import { basename, dirname, join, relative, resolve } from "node:path";
import { systemCode } from "../../errors.js";

/** File that a template puts on a medium. */
export interface NamedFile {
  /** Path on the medium. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
}

/** Returns whether a path is a folder; undefined if there is nothing. */
export async function isFolder(path: string): Promise<boolean | undefined> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Returns the text of a file; undefined if it cannot be read. */
export async function textIfReadable(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch {
    // What is missing is reported where the file is used.
    return undefined;
  }
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
}

/** Returns a regular expression for a pattern of Go's filepath.Match. */
function patternOf(glob: string): RegExp {
  const text = glob
    .replaceAll(/[.+^${}()|\\]/g, "\\$&")
    .replaceAll("*", "[^/]*")
    .replaceAll("?", "[^/]");
  return new RegExp(`^${text}$`);
}

/** Returns the paths that a pattern matches in its last part; a path without a pattern is itself. */
async function expand(path: string): Promise<string[]> {
  if (!/[*?[]/.test(basename(path))) return [path];
  const folder = dirname(path);
  if ((await isFolder(folder)) !== true) return [];
  const pattern = patternOf(basename(path));
  const names = (await readdir(folder)).filter((name) => pattern.test(name));
  return names.toSorted().map((name) => join(folder, name));
}

/**
 * Returns the files of `cd_files`, `floppy_files` and the like. A folder contributes its content:
 * under its own name, or at the top if its path ends in a slash. A missing file is returned as it
 * is, and reported when the template is checked.
 */
export async function filesOf(paths: readonly string[], cwd: string): Promise<NamedFile[]> {
  const found: NamedFile[] = [];
  for (const given of paths) {
    for (const path of await expand(resolve(cwd, given))) {
      if ((await isFolder(path)) !== true) {
        found.push({ name: basename(path), path });
        continue;
      }
      const top = given.endsWith("/") ? path : dirname(path);
      for (const file of await filesBelow(path))
        found.push({ name: relative(top, file), path: file });
    }
  }
  return found;
}
