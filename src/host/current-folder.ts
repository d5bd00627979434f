/** Handles a current folder that may have been removed since the process started. */
import { accessSync, constants } from "node:fs";
import { relative } from "node:path";

/** Returns the current folder; undefined when it no longer exists. */
export function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    // The call fails only when the folder was removed.
    return undefined;
  }
}

/**
 * Returns the working folder for programs that need none in particular: the current folder, or `/`
 * where it cannot be entered.
 */
export function programFolder(): string {
  const here = currentFolder();
  if (here === undefined) return "/";
  try {
    accessSync(here, constants.X_OK);
    return here;
  } catch {
    // su and sudo may leave the process in a folder that the new user cannot enter.
    return "/";
  }
}

/**
 * Returns the path relative to the current folder, or unchanged when there is no current folder.
 */
export function relativeToCurrent(path: string): string {
  const here = currentFolder();
  return here === undefined ? path : relative(here, path);
}
