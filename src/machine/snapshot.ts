/**
 * Saves, loads and deletes snapshots of a running machine in its own disks through QMP's snapshot
 * jobs (qapi/migration.json in QEMU's sources, since 6.0). A snapshot holds memory, devices and
 * disks together: memory and devices in the root disk, and the content of each disk in itself. Only
 * the disks that the guest writes to take part: read-only disks do not change, and UEFI variables
 * are part of the memory, as the TPM is of the devices.
 */
import { randomBytes } from "node:crypto";
import { VmbuildError } from "../errors.js";
import { reportsDiskFull } from "../host/faults.js";
import { ROOT_NODE } from "./extra-disks.js";
import type { RunningMachine } from "./running-machine.js";

type JobKind = "snapshot-save" | "snapshot-load" | "snapshot-delete";

interface JobInfo {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
}

/** Resolves when a job has concluded, successfully or not. Rejects when QEMU exits first. */
function waitForJob(machine: RunningMachine, id: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const unsubscribe = machine.onEvent(({ event, data }) => {
      if (event !== "JOB_STATUS_CHANGE" || data["id"] !== id) return;
      if (data["status"] !== "concluded") return;
      unsubscribe();
      resolve();
    });
    void machine.ended.then(() => {
      unsubscribe();
      reject(new VmbuildError("MACHINE_QMP", "QEMU exited during a snapshot"));
    });
  });
}

/**
 * Runs a job. Its end does not tell whether it succeeded; its record does, until the job is
 * dismissed.
 */
async function runJob(
  machine: RunningMachine,
  kind: JobKind,
  tag: string,
  extra: Record<string, unknown>,
): Promise<void> {
  const id = `vmb-${randomBytes(4).toString("hex")}`;
  const ended = waitForJob(machine, id);
  // Whichever of the two fails first is thrown; this prevents an unhandled rejection of the other.
  ended.catch(() => {});
  await machine.qmp.execute(kind, { "job-id": id, tag, devices: machine.disks, ...extra });
  await ended;
  const jobs = await machine.qmp.execute<JobInfo[]>("query-jobs");
  await machine.qmp.execute("job-dismiss", { id });
  const error = jobs.find((job) => job.id === id)?.error;
  if (error === undefined) return;
  const full = reportsDiskFull([error]) || /writing VM state/i.test(error);
  throw new VmbuildError(full ? "HOST_SPACE" : "MACHINE_QMP", `${kind} ${tag}: ${error}`, {
    details: { command: kind, tag },
  });
}

/** Fields of `query-named-block-nodes` (qapi/block-core.json, BlockDeviceInfo). */
interface BlockNode {
  readonly "node-name"?: string;
  readonly image: {
    readonly snapshots?: readonly {
      readonly name: string;
      readonly "vm-state-size": number;
      readonly "date-sec": number;
    }[];
  };
}

/** Returns an unused snapshot tag. */
export const makeTag = (): string => `vmb-${randomBytes(6).toString("hex")}`;

/** Entry of the disk's snapshot table. */
export interface SnapshotInfo {
  /** Size of the saved memory and devices in bytes. */
  readonly memoryBytes: number;
  /** Seconds since the epoch. */
  readonly date: number;
}

/**
 * Saves a snapshot under a tag that the disk does not have yet. The guest is paused meanwhile and
 * continues afterwards.
 * @throws {VmbuildError} HOST_SPACE when the disk is full, MACHINE_QMP otherwise.
 */
export async function saveSnapshot(machine: RunningMachine, tag: string): Promise<SnapshotInfo> {
  await runJob(machine, "snapshot-save", tag, { vmstate: ROOT_NODE });
  const nodes = await machine.qmp.execute<BlockNode[]>("query-named-block-nodes", { flat: true });
  const disk = nodes.find((node) => node["node-name"] === ROOT_NODE);
  const saved = disk?.image.snapshots?.find(({ name }) => name === tag);
  if (!saved) throw new VmbuildError("MACHINE_QMP", `The disk has no snapshot ${tag}`);
  return { memoryBytes: saved["vm-state-size"], date: saved["date-sec"] };
}

/**
 * Loads a snapshot into a machine that was started with `paused`. The machine stays paused.
 * @throws {VmbuildError} MACHINE_QMP when the snapshot is damaged or does not fit this machine.
 */
export function loadSnapshot(machine: RunningMachine, tag: string): Promise<void> {
  return runJob(machine, "snapshot-load", tag, { vmstate: ROOT_NODE });
}

/** Deletes a snapshot and frees its blocks. */
export function deleteSnapshot(machine: RunningMachine, tag: string): Promise<void> {
  return runJob(machine, "snapshot-delete", tag, {});
}

/** Continues a machine that was started with `paused`. */
export async function resumeMachine(machine: RunningMachine): Promise<void> {
  await machine.qmp.execute("cont");
}

/** Runs a function while the guest is paused and everything it wrote has reached its disk file. */
export async function whilePaused<T>(machine: RunningMachine, work: () => Promise<T>): Promise<T> {
  await machine.qmp.execute("stop");
  try {
    return await work();
  } finally {
    // If QEMU has exited meanwhile, the next use of the machine reports it.
    await machine.qmp.execute("cont").catch(() => {});
  }
}
