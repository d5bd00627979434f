/** Paths as people read them. */
import { isAbsolute, sep } from "node:path";
import { homeFolder } from "../host/folders.js";
import { relativeToCurrent } from "../host/current-folder.js";

/** The shortest of: relative to the current folder and below it, with `~`, or as it is. */
export function shortPath(path: string): string {
  const near = relativeToCurrent(path);
  if (near !== "" && !near.startsWith("..") && !isAbsolute(near)) return near;
  const home = homeFolder();
  return home !== "/" && path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
