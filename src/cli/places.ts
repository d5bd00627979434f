/** Paths as people read them. */
import { homedir } from "node:os";
import { relative, sep } from "node:path";

/** The shortest of: relative to the current folder and below it, with `~`, or as it is. */
export function shortPath(path: string): string {
  const near = relative(process.cwd(), path);
  if (near !== "" && !near.startsWith("..")) return near;
  const home = homedir();
  return home !== "/" && path.startsWith(home + sep) ? `~${path.slice(home.length)}` : path;
}
