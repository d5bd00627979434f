/**
 * Shares checkpoints of booted guests between builds with the same base, machine and seed, so that
 * a new template need not boot. Each has its own folder, with its disk, base, seed and keys.
 */
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { copyFile, constants } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Checkpoint, WorkPaths } from "../../checkpoints/records.js";
import { diskPaths, readRecords, workPaths, writeRecords } from "../../checkpoints/records.js";
import type { CheckpointRecords } from "../../checkpoints/records.js";
import {
  hostBootId,
  readDiskIdentities,
  readIdentity,
  readTrusted,
} from "../../checkpoints/trust.js";
import { messageOf, systemCode } from "../../errors.js";
import { makePrivateFolder, markUsed, statIfThere, temporaryBeside } from "../../host/files.js";
import { waitForLock } from "../../host/lock.js";
import { hostPaths } from "../../host/paths.js";
import { pinBase } from "../../base/pin.js";
import type { RunningMachine } from "../../machine/running-machine.js";
import { whilePaused } from "../../machine/snapshot.js";

/** Returns the folder of the shared checkpoint with this key. Pure. */
function sharedFolder(key: string): string {
  return join(hostPaths().ready, key.slice(0, 20));
}

/**
 * Returns the path of the lock that is held while a shared checkpoint is copied or removed.
 * `vmbuild prune` uses the same name.
 */
const lockPath = (folder: string): string => join(folder, "lock");

/** Copies the disks of a machine; blocks are shared where the file system supports it. */
async function copyDisks(
  from: WorkPaths,
  to: WorkPaths,
  records: Pick<CheckpointRecords, "machine">,
): Promise<void> {
  await rm(to.disks, { recursive: true, force: true });
  const targets = diskPaths(to, records);
  if (targets.length > 1) await makePrivateFolder(to.disks);
  for (const [index, source] of diskPaths(from, records).entries()) {
    await copyFile(source, targets[index] ?? "", constants.COPYFILE_FICLONE);
  }
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
 * Shares a working disk whose only checkpoint is that before the first step. The guest is paused
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
    await whilePaused(machine, () => copyDisks(work, shared, records));
    const { failed: _failed, ...rest } = records;
    await writeRecords(shared, {
      ...rest,
      base: await readIdentity(shared.base),
      ...(await readDiskIdentities(shared, records)),
      hostBoot: await hostBootId(),
      checkpoints: [checkpoint],
    });
    await rename(temporary, folder);
  } catch (error) {
    // Another build has shared the same checkpoint meanwhile.
    if (systemCode(error) !== "ENOTEMPTY" && systemCode(error) !== "EEXIST") throw error;
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** Returns whether there is a shared checkpoint with this key. */
export async function hasSharedCheckpoint(key: string): Promise<boolean> {
  return (await readRecords(workPaths(sharedFolder(key)))) !== undefined;
}

/**
 * Copies a shared checkpoint into a build's folder, replacing the working disk there.
 * @returns its records, or the reason why it cannot be used.
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
    await copyDisks(shared, work, records);
    await markUsed(folder);
    return { records: { ...records, checkpoints: [checkpoint] } };
  } catch (error) {
    signal.throwIfAborted();
    return { problem: messageOf(error) };
  }
}
