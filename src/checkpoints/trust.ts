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
import { readRecords } from "./records.js";
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

async function missingFile(
  paths: WorkPaths,
  records: CheckpointRecords,
): Promise<string | undefined> {
  const needed = [paths.disk, paths.base, paths.seed, paths.keys];
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
  if (records.disk && !isSameFile(records.disk, await readIdentity(paths.disk))) {
    return "it was modified after the last run";
  }
  return undefined;
}

/** Checks the disk itself and returns its snapshots. */
async function inspectDisk(
  paths: WorkPaths,
  signal: AbortSignal,
): Promise<{ snapshots: readonly DiskSnapshot[] } | { damage: string }> {
  try {
    const info = await imageInfo(paths.disk, signal);
    const ours = info.format === "qcow2" && info.backingFile === paths.base && !info.dataFile;
    if (!ours) return { damage: "it is not the disk that vmbuild created" };
    const check = await retryWhileLocked(() => checkImage(paths.disk, signal), signal);
    if (check.corruptions > 0)
      return { damage: `qemu-img found ${check.corruptions} errors in it` };
    if (check.leaks > 0) await repairLeaks(paths.disk, signal);
    return { snapshots: info.snapshots };
  } catch (error) {
    signal.throwIfAborted();
    return { damage: `qemu-img cannot read it: ${messageOf(error)}` };
  }
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

/** Returns whether the disk contains exactly the recorded snapshot. */
function isInDisk(snapshot: RecordedSnapshot, snapshots: readonly DiskSnapshot[]): boolean {
  return snapshots.some(
    ({ tag, vmStateSize, date }) =>
      tag === snapshot.tag &&
      vmStateSize === snapshot.memoryBytes &&
      Math.floor(date.getTime() / 1000) === snapshot.date,
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
  const inspected = await inspectDisk(paths, signal);
  if ("damage" in inspected) return lost(inspected.damage);

  const { snapshots } = inspected;
  // After a reboot of the host, data that was not synced may be lost.
  const restarted = records.hostBoot !== (await hostBootId());
  const isUsable = (snapshot: RecordedSnapshot): boolean =>
    isInDisk(snapshot, snapshots) && !(restarted && !snapshot.synced);
  const checkpoints = records.checkpoints.filter(isUsable);
  const failed = records.failed && isUsable(records.failed) ? records.failed : undefined;
  const { failed: _old, ...rest } = records;
  const usable: CheckpointRecords = { ...rest, checkpoints, ...(failed ? { failed } : {}) };
  const known = new Set([...checkpoints, ...(failed ? [failed] : [])].map(({ tag }) => tag));
  const orphans = snapshots.map(({ tag }) => tag).filter((tag) => !known.has(tag));
  const fewer = count - checkpoints.length;
  const losses =
    fewer > 0 ? [`${fewer} of ${count} checkpoints are incomplete and are not used`] : [];
  return { records: usable, losses, orphans };
}

/**
 * Removes snapshots from a disk that no machine uses.
 * @throws {VmbuildError} CHECKPOINT_UNUSABLE when qemu-img fails.
 */
export async function removeSnapshots(
  disk: string,
  tags: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const tag of tags) {
    const result = await runProgram("qemu-img", ["snapshot", "-d", tag, disk], { signal });
    if (result.exitCode === 0) continue;
    throw new VmbuildError(
      "CHECKPOINT_UNUSABLE",
      `qemu-img cannot remove ${tag}: ${describeExit(result)}`,
      {
        lines: result.lastLines,
      },
    );
  }
}
