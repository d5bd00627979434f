/** Removes checkpoints of a build at the user's request. */
import { rm } from "node:fs/promises";
import { buildPaths, lockError } from "../../builds/workspace.js";
import { CheckpointStore } from "../../checkpoints/store.js";
import { tryLock } from "../../host/lock.js";

/**
 * Removes the checkpoints of the given steps and all later ones; with no step, all checkpoints.
 * @returns the number of removed checkpoints.
 */
export async function removeCheckpoints(
  name: string,
  steps: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  const build = buildPaths(name);
  await using lock = await tryLock(build.lock);
  if (!lock) throw await lockError(name, build.lock);
  const { store, found } = await CheckpointStore.open(build, signal);
  const first = Math.min(
    ...store.checkpoints.filter(({ step }) => steps.includes(step)).map(({ index }) => index),
  );
  const removed = store.checkpoints.filter(({ index }) => steps.length === 0 || index >= first);
  const failed = steps.length === 0 && store.failed ? [store.failed.tag] : [];
  const tags = [...removed.map(({ tag }) => tag), ...failed];
  await store.removeWithSnapshots([...tags, ...found.orphans], signal);
  if (store.checkpoints.length === 0) await rm(build.texts, { recursive: true, force: true });
  return tags.length;
}
