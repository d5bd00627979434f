/** Replaces the assets of an image in a folder by renaming: first the old ones, then the new ones. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { temporaryBeside } from "../../host/files.js";
import { allOrNothing } from "../all-or-nothing.js";
import type { Step } from "../all-or-nothing.js";
import type { Staged } from "../store.js";

/** What is replaced in a folder, and by what. */
export interface Replacement {
  readonly folder: string;
  /** Names of the assets that go, in this order. */
  readonly remove: readonly string[];
  /** Complete files, whose ids are their paths. */
  readonly add: readonly Staged[];
}

function moving(from: string, to: string): Step {
  let isMoved = false;
  return {
    async run() {
      await rename(from, to);
      isMoved = true;
    },
    async undo() {
      if (isMoved) await rename(to, from);
    },
  };
}

/**
 * Makes a replacement. The old assets keep their content under temporary names until the new ones
 * have theirs: when that fails, they get their names back, and the new ones lose theirs.
 */
export async function replaceFiles({ folder, remove, add }: Replacement): Promise<void> {
  const retired = remove.map((name) => {
    const path = join(folder, name);
    return { path, temporary: temporaryBeside(path) };
  });
  await allOrNothing([
    ...retired.map(({ path, temporary }) => moving(path, temporary)),
    ...add.map(({ name, id }) => moving(id, join(folder, name))),
  ]);
  for (const { temporary } of retired) await rm(temporary, { force: true });
}
