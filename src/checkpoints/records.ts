/**
 * Defines `checkpoints.json`: the checkpoints of a working disk, their manifests, and the machine.
 */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../errors.js";
import { writeFileAtomic } from "../host/files.js";
import { extraDiskPaths } from "../machine/extra-disks.js";
import { machineShapeSchema } from "../machine/shape.js";
import { seedMediaSchema } from "../seed/media.js";

/** Files of one working disk. They are useful only together. All paths are absolute. */
export interface WorkPaths {
  readonly folder: string;
  /** Overlay that the machine writes to; contains the snapshots. */
  readonly disk: string;
  /** Folder of the machine's further disks, `NAME.qcow2`, which contain the same snapshots. */
  readonly disks: string;
  /**
   * Base under a name of its own, so that a replacement of the original does not affect the
   * overlay.
   */
  readonly base: string;
  /** File by which the guest gets the build's keys: a disk image, or a text for the firmware. */
  readonly seed: string;
  readonly firmwareVariables: string;
  readonly keys: string;
  readonly checkpoints: string;
  /**
   * Files that steps had created for the output folder when a checkpoint was saved: one folder for
   * each.
   */
  readonly outputs: string;
}

/** Returns the paths of a working disk's files. Pure. */
export function workPaths(folder: string): WorkPaths {
  return {
    folder,
    disk: join(folder, "disk.qcow2"),
    disks: join(folder, "disks"),
    base: join(folder, "base.img"),
    seed: join(folder, "seed"),
    firmwareVariables: join(folder, "efivars.fd"),
    keys: join(folder, "keys"),
    checkpoints: join(folder, "checkpoints.json"),
    outputs: join(folder, "outputs"),
  };
}

const VERSION = 1;

const manifestSchema = z.record(z.string(), z.string());

/** What is known of the guest, as `guest/capabilities.ts` reads it; older records have none. */
const guestSchema = z.record(z.string(), z.unknown()).optional();

const checkpointSchema = z.object({
  /** Tag of the snapshot in the disk. */
  tag: z.string(),
  /** 0 is the checkpoint before the first step. */
  index: z.number(),
  step: z.string(),
  key: z.string(),
  manifest: manifestSchema,
  /** ISO 8601. */
  createdAt: z.string(),
  usedAt: z.string(),
  /** Durations of the step and of saving. Milliseconds. */
  stepMs: z.number(),
  saveMs: z.number(),
  /** Bytes of memory and devices, and bytes by which the disk grew during the step. */
  memoryBytes: z.number(),
  diskBytes: z.number(),
  /** Time of the snapshot as recorded in the disk. Seconds since the epoch. */
  date: z.number(),
  guest: guestSchema,
  /** Set to a unique value when the checkpoint was modified with `vmbuild ssh --save`. */
  changedByHand: z.string().optional(),
  /**
   * True when the disk was synced after saving. Otherwise a power failure may have lost the snapshot.
   */
  synced: z.boolean(),
});

/** Checkpoint that a run can resume from. */
export type Checkpoint = z.infer<typeof checkpointSchema>;

const failedSchema = z.object({
  tag: z.string(),
  step: z.string(),
  createdAt: z.string(),
  memoryBytes: z.number(),
  date: z.number(),
  /** Code and message of the error. */
  reason: z.string(),
  guest: guestSchema,
  synced: z.boolean(),
});

/** Checkpoint of a failed step. */
export type FailedCheckpoint = z.infer<typeof failedSchema>;

const identitySchema = z.object({ ino: z.string(), size: z.string(), mtimeNs: z.string() });

/** Identity of a file, to find out whether it was changed by others. */
export type FileIdentity = z.infer<typeof identitySchema>;

const recordsSchema = z.object({
  version: z.literal(VERSION),
  /** Manifest of the machine before the first step. */
  root: manifestSchema,
  /** Machine with which a checkpoint is opened outside a run. */
  machine: z.object({
    shape: machineShapeSchema,
    qemu: z.string(),
    user: z.string(),
    firmwareCode: z.string().optional(),
    /** Port of the guest's own SSH server. */
    sshPort: z.number().default(22),
    /** How the machine gets the seed's file. */
    media: seedMediaSchema,
  }),
  /** Null while a machine uses the disk, and after a run that was killed. */
  disk: identitySchema.nullable(),
  /** Identities of the further disks, in the order of the machine's; absent while `disk` is null. */
  disks: z.array(identitySchema).optional(),
  base: identitySchema,
  /** Boot ID of the host. After a reboot, data that was not synced may be lost. */
  hostBoot: z.string(),
  checkpoints: z.array(checkpointSchema),
  failed: failedSchema.optional(),
});

/** Content of `checkpoints.json`. */
export type CheckpointRecords = z.infer<typeof recordsSchema>;

/** Returns the paths of all disks that hold the checkpoints, the root disk first. Pure. */
export function diskPaths(
  { disk, disks }: Pick<WorkPaths, "disk" | "disks">,
  { machine }: Pick<CheckpointRecords, "machine">,
): string[] {
  return [disk, ...extraDiskPaths(disks, machine.shape)];
}

/** Reads the records; undefined where there are none, or where this version cannot read them. */
export async function readRecords(paths: WorkPaths): Promise<CheckpointRecords | undefined> {
  try {
    const parsed = recordsSchema.safeParse(JSON.parse(await readFile(paths.checkpoints, "utf8")));
    return parsed.data;
  } catch (error) {
    // Records of another version, or invalid ones, cannot be trusted.
    if (systemCode(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Writes the records with mode 0600, because they describe what a build was made from. */
export async function writeRecords(paths: WorkPaths, records: CheckpointRecords): Promise<void> {
  const whole: CheckpointRecords = { ...records, version: VERSION };
  await writeFileAtomic(paths.checkpoints, `${JSON.stringify(whole, null, 1)}\n`, 0o600);
}

/** Removes the records of a working disk before any of its files are replaced. */
export async function removeRecords(paths: WorkPaths): Promise<void> {
  await rm(paths.checkpoints, { force: true });
  await rm(paths.outputs, { recursive: true, force: true });
}
