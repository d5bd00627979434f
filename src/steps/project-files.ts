/** Tells the files of a project from what tools and builds put into its folder. */
import { basename, sep } from "node:path";

/** Returns whether a path is a folder or inside it. Both are absolute and normalized. */
export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}

/**
 * Names of folders and files that tools create in a project: version control, caches, environments
 * and results of earlier runs.
 */
const TOOL_NAMES: ReadonlySet<string> = new Set([
  ".git",
  ".hg",
  ".svn",
  ".ansible",
  ".cache",
  ".molecule",
  ".tox",
  ".vagrant",
  ".venv",
  "__pycache__",
  "node_modules",
  "packer_cache",
  "venv",
]);

/** Endings of files that programs write beside their sources: compiled Python, failed hosts. */
const TOOL_FILES = /\.(pyc|retry|swp)$/;

/**
 * Returns whether a path, with all that is below it, is not part of the project that contains it.
 * @param buildPaths absolute paths that belong to the build: the template, its output folder.
 */
export function isOutsideProject(path: string, buildPaths: readonly string[]): boolean {
  return TOOL_NAMES.has(basename(path)) || TOOL_FILES.test(path) || buildPaths.includes(path);
}
