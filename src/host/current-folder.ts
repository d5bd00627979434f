/** The current folder, which may have been removed since this process began. */
import { accessSync, constants } from "node:fs";
import { relative } from "node:path";

/** The current folder; undefined when it does not exist any more. */
export function currentFolder(): string | undefined {
  try {
    return process.cwd();
  } catch {
    // Only a removed folder has no name.
    return undefined;
  }
}

/** Where programs run that have no folder of their own: here, or `/` where they could not enter it. */
export function programFolder(): string {
  const here = currentFolder();
  if (here === undefined) return "/";
  try {
    accessSync(here, constants.X_OK);
    return here;
  } catch {
    // Another user's folder: su and sudo leave us there.
    return "/";
  }
}

/** A path as seen from the current folder; the path itself where there is none. */
export function relativeToCurrent(path: string): string {
  const here = currentFolder();
  return here === undefined ? path : relative(here, path);
}
