/** Shortens paths for display. */
import { isAbsolute, sep } from "node:path";
import { homeFolder } from "../host/folders.js";
import { relativeToCurrent } from "../host/current-folder.js";

/**
 * Returns the shortest form of a path: relative to the current folder if it is below it, with `~`,
 * or unchanged.
 */
export function shortPath(path: string): string {
  const near = relativeToCurrent(path);
  if (near !== "" && !near.startsWith("..") && !isAbsolute(near)) return near;
  const home = homeFolder();
  return home !== "/" && path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
