/** Finds the pictures that a run kept of its machine's screen. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { statIfThere } from "../host/files.js";
import type { RunPaths } from "./workspace.js";

/** Returns the path of the newest picture of a run; undefined where it kept none. */
export async function lastScreen({ screens }: RunPaths): Promise<string | undefined> {
  if (!(await statIfThere(screens))) return undefined;
  const names = (await readdir(screens)).filter((name) => /^[^.].*\.png$/.test(name));
  const pictures = await Promise.all(
    names.map(async (name) => {
      const path = join(screens, name);
      return { path, writtenAt: (await stat(path)).mtimeMs };
    }),
  );
  return pictures.toSorted((one, other) => one.writtenAt - other.writtenAt).at(-1)?.path;
}
