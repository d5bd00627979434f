/**
 * States of guests that are ready for their first step, shared by all builds with the same base,
 * machine and seed: a template that never ran need not boot either. Each lies in a folder of its
 * own, with the disk, the base, the seed and the keys that belong to it.
 */
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { copyFile, constants } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Checkpoint, WorkPaths } from "../../checkpoints/records.js";
import { readRecords, workPaths, writeRecords } from "../../checkpoints/records.js";
import type { CheckpointRecords } from "../../checkpoints/records.js";
import { hostBootId, readIdentity, readTrusted } from "../../checkpoints/trust.js";
import { messageOf, systemCode } from "../../errors.js";
import { makePrivateFolder, markUsed, statIfThere, temporaryBeside } from "../../host/files.js";
import { waitForLock } from "../../host/lock.js";
import { hostPaths } from "../../host/paths.js";
import { pinBase } from "../../base/pin.js";
import type { RunningMachine } from "../../machine/running-machine.js";
import { whilePaused } from "../../machine/snapshot.js";

/** The folder of the shared state with this key. Pure. */
function sharedFolder(key: string): string {
  return join(hostPaths().ready, key.slice(0, 20));
}

/** Held while the state is copied or removed; `vmbuild prune` knows it by this name. */
const lockPath = (folder: string): string => join(folder, "lock");

/** A copy that shares its blocks where the file system can. */
function copyDisk(from: string, to: string): Promise<void> {
  return copyFile(from, to, constants.COPYFILE_FICLONE);
}

async function copyWorkFiles(from: WorkPaths, to: WorkPaths): Promise<void> {
  await pinBase(from.base, to.base);
  await copyFile(from.seed, to.seed);
  await cp(from.keys, to.keys, { recursive: true });
  if (await statIfThere(from.firmwareVariables)) {
    await copyFile(from.firmwareVariables, to.firmwareVariables);
  }
}

/**
 * Shares a working disk whose only state is the one before the first step. The guest stands still
 * while the disk is copied.
 */
export async function shareCheckpoint(
  work: WorkPaths,
  records: CheckpointRecords,
  checkpoint: Checkpoint,
  machine: RunningMachine,
): Promise<void> {
  const folder = sharedFolder(checkpoint.key);
  await makePrivateFolder(dirname(folder));
  if (await statIfThere(folder)) return;
  const temporary = temporaryBeside(folder);
  const shared = workPaths(temporary);
  try {
    await mkdir(temporary, { mode: 0o700 });
    await copyWorkFiles(work, shared);
    await whilePaused(machine, () => copyDisk(work.disk, shared.disk));
    const { failed: _failed, ...rest } = records;
    await writeRecords(shared, {
      ...rest,
      base: await readIdentity(shared.base),
      disk: await readIdentity(shared.disk),
      hostBoot: await hostBootId(),
      checkpoints: [checkpoint],
    });
    await rename(temporary, folder);
  } catch (error) {
    // Another build shared the same state first.
    if (systemCode(error) !== "ENOTEMPTY" && systemCode(error) !== "EEXIST") throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Whether there is a shared state with this key. */
export async function hasSharedCheckpoint(key: string): Promise<boolean> {
  return (await readRecords(workPaths(sharedFolder(key)))) !== undefined;
}

/**
 * Copies a shared state to where a build works, in place of what is there.
 * @returns its records, or why it cannot be used.
 */
export async function copySharedCheckpoint(
  key: string,
  work: WorkPaths,
  signal: AbortSignal,
): Promise<{ records: CheckpointRecords } | { problem: string } | undefined> {
  const folder = sharedFolder(key);
  if (!(await statIfThere(folder))) return undefined;
  try {
    await using _lock = await waitForLock(lockPath(folder), signal);
    const shared = workPaths(folder);
    const { records, losses } = await readTrusted(shared, signal);
    const checkpoint = records?.checkpoints.find((one) => one.key === key);
    if (!records || !checkpoint) {
      await rm(folder, { recursive: true, force: true });
      return { problem: losses[0] ?? "it has no matching checkpoint" };
    }
    await rm(work.keys, { recursive: true, force: true });
    await copyWorkFiles(shared, work);
    await copyDisk(shared.disk, work.disk);
    await markUsed(folder);
    return { records: { ...records, checkpoints: [checkpoint] } };
  } catch (error) {
    signal.throwIfAborted();
    return { problem: messageOf(error) };
  }
}
