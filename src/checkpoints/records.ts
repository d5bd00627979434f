/** `checkpoints.json`: which states a working disk holds, what each was made from, and its machine. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { systemCode } from "../errors.js";
import { writeFileAtomic } from "../host/files.js";
import { machineShapeSchema } from "../machine/shape.js";

/** The files that belong to one working disk, and are of no use without each other. Absolute. */
export interface WorkPaths {
  readonly folder: string;
  /** The overlay that the machine writes to; states lie in it. */
  readonly disk: string;
  /** The base under a name of its own, which keeps it from being replaced. */
  readonly base: string;
  readonly seed: string;
  readonly firmwareVariables: string;
  readonly keys: string;
  readonly checkpoints: string;
  /** What steps had made for the output folder when a state was saved: one folder per state. */
  readonly outputs: string;
}

/** The places of a working disk and what belongs to it. Pure. */
export function workPaths(folder: string): WorkPaths {
  return {
    folder,
    disk: join(folder, "disk.qcow2"),
    base: join(folder, "base.img"),
    seed: join(folder, "seed.iso"),
    firmwareVariables: join(folder, "efivars.fd"),
    keys: join(folder, "keys"),
    checkpoints: join(folder, "checkpoints.json"),
    outputs: join(folder, "outputs"),
  };
}

const VERSION = 1;

const manifestSchema = z.record(z.string(), z.string());

const checkpointSchema = z.object({
  /** The snapshot's tag in the disk. */
  tag: z.string(),
  /** 0 is the state before the first step. */
  index: z.number(),
  step: z.string(),
  key: z.string(),
  manifest: manifestSchema,
  /** ISO 8601. */
  createdAt: z.string(),
  usedAt: z.string(),
  /** Milliseconds that the step took, and that saving took. */
  stepMs: z.number(),
  saveMs: z.number(),
  /** Bytes of memory and devices, and of disk that came with the step. */
  memoryBytes: z.number(),
  diskBytes: z.number(),
  /** When the disk says that the snapshot was made: seconds since the epoch. */
  date: z.number(),
  /** Somebody went in and saved what they changed; set to something unique. */
  changedByHand: z.string().optional(),
  /** Whether the disk's file was synced after saving; a power loss may have cost it otherwise. */
  synced: z.boolean(),
});

/** A state that can be gone on from. */
export type Checkpoint = z.infer<typeof checkpointSchema>;

const failedSchema = z.object({
  tag: z.string(),
  step: z.string(),
  createdAt: z.string(),
  memoryBytes: z.number(),
  date: z.number(),
  /** The error's code and message. */
  reason: z.string(),
  synced: z.boolean(),
});

/** The state in which a step failed. */
export type FailedCheckpoint = z.infer<typeof failedSchema>;

const identitySchema = z.object({ ino: z.string(), size: z.string(), mtimeNs: z.string() });

/** What a file was when it was last known to be ours. */
export type FileIdentity = z.infer<typeof identitySchema>;

const recordsSchema = z.object({
  version: z.literal(VERSION),
  /** What the machine and its disk were made from. */
  root: manifestSchema,
  /** With which a state is opened outside a run. */
  machine: z.object({
    shape: machineShapeSchema,
    qemu: z.string(),
    user: z.string(),
    firmwareCode: z.string().optional(),
  }),
  /** Null while a machine uses the disk: a run that ends by force leaves it so. */
  disk: identitySchema.nullable(),
  base: identitySchema,
  /** Of the host's kernel: a restart in between may have cost what was not synced. */
  hostBoot: z.string(),
  checkpoints: z.array(checkpointSchema),
  failed: failedSchema.optional(),
});

/** What `checkpoints.json` says. */
export type CheckpointRecords = z.infer<typeof recordsSchema>;

/** Reads the records; undefined where there are none, or none that this version understands. */
export async function readRecords(paths: WorkPaths): Promise<CheckpointRecords | undefined> {
  try {
    const parsed = recordsSchema.safeParse(JSON.parse(await readFile(paths.checkpoints, "utf8")));
    return parsed.data;
  } catch (error) {
    // Another version's, or not ours: nothing that could be trusted.
    if (systemCode(error) === "ENOENT" || error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Writes the records, 0600: they say what a build was made from. */
export async function writeRecords(paths: WorkPaths, records: CheckpointRecords): Promise<void> {
  const whole: CheckpointRecords = { ...records, version: VERSION };
  await writeFileAtomic(paths.checkpoints, `${JSON.stringify(whole, null, 1)}\n`, 0o600);
}

/** Forgets all states of a working disk, before anything of it is replaced. */
export async function removeRecords(paths: WorkPaths): Promise<void> {
  await rm(paths.checkpoints, { force: true });
  await rm(paths.outputs, { recursive: true, force: true });
}
