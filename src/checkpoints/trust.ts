/**
 * Checks which recorded checkpoints match the disk. Loading a snapshot into the wrong disk would
 * produce a corrupt image, so anything unexplained is not trusted.
 */
import { readFile, stat } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { VmbuildError, messageOf } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { describeExit, runProgram } from "../host/programs.js";
import { checkImage, imageInfo } from "../machine/disk.js";
import type { DiskSnapshot } from "../machine/disk.js";
import { diskPaths, readRecords } from "./records.js";
import type {
  Checkpoint,
  FailedCheckpoint,
  FileIdentity,
  CheckpointRecords,
  WorkPaths,
} from "./records.js";

/** Usable content of a working disk. */
export interface TrustedCheckpoints {
  /** Records of the usable checkpoints; undefined when there are none. */
  readonly records: CheckpointRecords | undefined;
  /** Reasons why checkpoints were lost, one sentence each. */
  readonly losses: readonly string[];
  /** Snapshots in the disk without a record, left by a killed run. */
  readonly orphans: readonly string[];
}

/** Returns the host's boot ID, which changes with each boot. */
export async function hostBootId(): Promise<string> {
  return (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
}

/** Returns the identity of a file, to detect changes later. */
export async function readIdentity(path: string): Promise<FileIdentity> {
  const { ino, size, mtimeNs } = await stat(path, { bigint: true });
  return { ino: String(ino), size: String(size), mtimeNs: String(mtimeNs) };
}

/** Returns whether a file is unchanged. */
export const isSameFile = (one: FileIdentity, other: FileIdentity): boolean =>
  one.ino === other.ino && one.size === other.size && one.mtimeNs === other.mtimeNs;

/** Returns the identities of all disks that hold the checkpoints, as the records store them. */
export async function readDiskIdentities(
  paths: WorkPaths,
  records: Pick<CheckpointRecords, "machine">,
): Promise<Required<Pick<CheckpointRecords, "disk" | "disks">>> {
  const [disk = null, ...disks] = await Promise.all(diskPaths(paths, records).map(readIdentity));
  return { disk, disks };
}

async function missingFile(
  paths: WorkPaths,
  records: CheckpointRecords,
): Promise<string | undefined> {
  const needed = [...diskPaths(paths, records), paths.base, paths.seed, paths.keys];
  if (records.machine.firmwareCode !== undefined) needed.push(paths.firmwareVariables);
  for (const path of needed) if (!(await statIfThere(path))) return path;
  return undefined;
}

/** Returns the reason why nothing of the disk can be used; undefined if there is none. */
async function findDamage(
  paths: WorkPaths,
  records: CheckpointRecords,
): Promise<string | undefined> {
  const missing = await missingFile(paths, records);
  if (missing !== undefined) return `${missing} was removed`;
  if (!isSameFile(records.base, await readIdentity(paths.base))) {
    return "its base was modified";
  }
  if (!records.disk) return undefined;
  const now = await readDiskIdentities(paths, records);
  const [known, found] = [records, now].map(({ disk, disks = [] }) => [disk, ...disks]);
  const isChanged = (found ?? []).some((file, index) => {
    const before = known?.[index];
    return !file || !before || !isSameFile(before, file);
  });
  return isChanged ? "it was modified after the last run" : undefined;
}

/**
 * Checks a disk and returns its snapshots.
 * @param base backing file of the disk; undefined for a disk without one.
 */
async function inspectDisk(
  path: string,
  base: string | undefined,
  signal: AbortSignal,
): Promise<{ snapshots: readonly DiskSnapshot[] } | { damage: string }> {
  try {
    const info = await imageInfo(path, signal);
    const ours = info.format === "qcow2" && info.backingFile === base && !info.dataFile;
    if (!ours) return { damage: "it is not the disk that vmbuild created" };
    const check = await retryWhileLocked(() => checkImage(path, signal), signal);
    if (check.corruptions > 0)
      return { damage: `qemu-img found ${check.corruptions} errors in it` };
    if (check.leaks > 0) await repairLeaks(path, signal);
    return { snapshots: info.snapshots };
  } catch (error) {
    signal.throwIfAborted();
    return { damage: `qemu-img cannot read it: ${messageOf(error)}` };
  }
}

/** Checks all disks and returns the snapshots of each. */
async function inspectDisks(
  paths: WorkPaths,
  records: CheckpointRecords,
  signal: AbortSignal,
): Promise<{ disks: (readonly DiskSnapshot[])[] } | { damage: string }> {
  const disks: (readonly DiskSnapshot[])[] = [];
  for (const [index, path] of diskPaths(paths, records).entries()) {
    const inspected = await inspectDisk(path, index === 0 ? paths.base : undefined, signal);
    if ("damage" in inspected) return inspected;
    disks.push(inspected.snapshots);
  }
  return { disks };
}

/** Time within which QEMU releases its disk after vmbuild was killed. Milliseconds. */
const MACHINE_EXIT_MS = 15_000;
const RETRY_EVERY_MS = 100;

/** Retries while another process holds the image's lock. */
async function retryWhileLocked<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  const started = performance.now();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const lines = error instanceof VmbuildError ? error.lines : [];
      const isLocked = lines.some((line) => /Failed to get .*lock/.test(line));
      if (!isLocked || performance.now() - started > MACHINE_EXIT_MS) throw error;
      await delay(RETRY_EVERY_MS, undefined, { signal });
    }
  }
}

/** Frees leaked clusters, which a killed machine leaves behind. */
async function repairLeaks(disk: string, signal: AbortSignal): Promise<void> {
  await runProgram("qemu-img", ["check", "-q", "-f", "qcow2", "-r", "leaks", disk], { signal });
}

type RecordedSnapshot = Pick<
  Checkpoint | FailedCheckpoint,
  "tag" | "memoryBytes" | "date" | "synced"
>;

/** Returns whether a disk contains exactly the recorded snapshot, of memory and devices or without. */
function isInDisk(
  { tag, date }: RecordedSnapshot,
  snapshots: readonly DiskSnapshot[],
  memoryBytes: number,
): boolean {
  return snapshots.some(
    (found) =>
      found.tag === tag &&
      found.vmStateSize === memoryBytes &&
      Math.floor(found.date.getTime() / 1000) === date,
  );
}

/** Returns whether all disks contain the recorded snapshot; memory and devices are in the first. */
function isInDisks(
  snapshot: RecordedSnapshot,
  disks: readonly (readonly DiskSnapshot[])[],
): boolean {
  return disks.every((snapshots, index) =>
    isInDisk(snapshot, snapshots, index === 0 ? snapshot.memoryBytes : 0),
  );
}

const nothingTrusted = (...losses: string[]): TrustedCheckpoints => ({
  records: undefined,
  losses,
  orphans: [],
});

/**
 * Reads the records of a working disk and compares them with the disk. Only for the holder of the
 * build's lock: a disk that is in use would appear damaged.
 */
export async function readTrusted(
  paths: WorkPaths,
  signal: AbortSignal,
): Promise<TrustedCheckpoints> {
  const records = await readRecords(paths);
  if (!records) return nothingTrusted();
  const count = records.checkpoints.length;
  if (count === 0 && !records.failed) return nothingTrusted();
  const lost = (why: string): TrustedCheckpoints =>
    nothingTrusted(`The working disk's ${count} checkpoints cannot be used: ${why}`);
  const damage = await findDamage(paths, records);
  if (damage !== undefined) return lost(damage);
  const inspected = await inspectDisks(paths, records, signal);
  if ("damage" in inspected) return lost(inspected.damage);

  const { disks } = inspected;
  // After a reboot of the host, data that was not synced may be lost.
  const restarted = records.hostBoot !== (await hostBootId());
  const isUsable = (snapshot: RecordedSnapshot): boolean =>
    isInDisks(snapshot, disks) && !(restarted && !snapshot.synced);
  const checkpoints = records.checkpoints.filter(isUsable);
  const failed = records.failed && isUsable(records.failed) ? records.failed : undefined;
  const { failed: _old, ...rest } = records;
  const usable: CheckpointRecords = { ...rest, checkpoints, ...(failed ? { failed } : {}) };
  const known = new Set([...checkpoints, ...(failed ? [failed] : [])].map(({ tag }) => tag));
  const tags = new Set(disks.flat().map(({ tag }) => tag));
  const orphans = [...tags].filter((tag) => !known.has(tag));
  const fewer = count - checkpoints.length;
  const losses =
    fewer > 0 ? [`${fewer} of ${count} checkpoints are incomplete and are not used`] : [];
  return { records: usable, losses, orphans };
}

/**
 * Removes snapshots from disks that no machine uses. A killed run may have left one in some of the
 * disks only.
 * @param disks paths of the disks.
 * @throws {VmbuildError} CHECKPOINT_UNUSABLE when qemu-img fails.
 */
export async function removeSnapshots(
  disks: readonly string[],
  tags: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  const isSingle = disks.length === 1;
  for (const disk of disks) {
    const found = isSingle ? tags : await tagsIn(disk, tags, signal);
    for (const tag of found) await removeSnapshot(disk, tag, signal);
  }
}

/** Returns those of the tags that a disk contains. */
async function tagsIn(disk: string, tags: readonly string[], signal: AbortSignal) {
  const { snapshots } = await imageInfo(disk, signal);
  return tags.filter((tag) => snapshots.some((snapshot) => snapshot.tag === tag));
}

async function removeSnapshot(disk: string, tag: string, signal: AbortSignal): Promise<void> {
  const result = await runProgram("qemu-img", ["snapshot", "-d", tag, disk], { signal });
  if (result.exitCode === 0) return;
  throw new VmbuildError(
    "CHECKPOINT_UNUSABLE",
    `qemu-img cannot remove ${tag}: ${describeExit(result)}`,
    { lines: result.lastLines },
  );
}
