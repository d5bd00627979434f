/**
 * Saves, loads and deletes states of a running machine inside its own disk: memory, devices and
 * disk together, through QMP's snapshot jobs (qapi/migration.json in QEMU's sources, since 6.0).
 * Only the guest's disk takes part: read-only disks hold still, and a UEFI guest's variables are
 * part of its memory.
 */
import { randomBytes } from "node:crypto";
import { VmbuildError } from "../errors.js";
import type { RunningMachine } from "./running-machine.js";

/** The name that `argv.ts` gives the guest's disk. */
const DISK_NODE = "disk";

type JobKind = "snapshot-save" | "snapshot-load" | "snapshot-delete";

interface JobInfo {
  readonly id: string;
  readonly status: string;
  readonly error?: string;
}

/** Resolves when a job has come to its end, good or bad; rejects when QEMU ends first. */
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

/** A job's end says nothing of how it went; its record does, until it is dismissed. */
async function runJob(
  machine: RunningMachine,
  kind: JobKind,
  tag: string,
  extra: Record<string, unknown>,
): Promise<void> {
  const id = `vmb-${randomBytes(4).toString("hex")}`;
  const ended = waitForJob(machine, id);
  // Whichever of the two fails first is thrown; the other must not go unheard.
  ended.catch(() => {});
  await machine.qmp.execute(kind, { "job-id": id, tag, devices: [DISK_NODE], ...extra });
  await ended;
  const jobs = await machine.qmp.execute<JobInfo[]>("query-jobs");
  await machine.qmp.execute("job-dismiss", { id });
  const error = jobs.find((job) => job.id === id)?.error;
  if (error === undefined) return;
  const full = /No space left|quota exceeded|writing VM state/i.test(error);
  throw new VmbuildError(full ? "HOST_SPACE" : "MACHINE_QMP", `${kind} ${tag}: ${error}`, {
    details: { command: kind, tag },
  });
}

/** The fields of `query-named-block-nodes` (qapi/block-core.json, BlockDeviceInfo). */
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

/** A tag that no state has yet. */
export const makeTag = (): string => `vmb-${randomBytes(6).toString("hex")}`;

/** What the disk's own table says of a state. */
export interface SavedState {
  /** Bytes of the machine's memory and devices. */
  readonly memoryBytes: number;
  /** Seconds since 1970. */
  readonly date: number;
}

/**
 * Saves the machine's state under a tag that the disk does not have yet. The guest stands still
 * meanwhile and goes on afterwards.
 * @throws {VmbuildError} HOST_SPACE when the disk is full, MACHINE_QMP otherwise.
 */
export async function saveState(machine: RunningMachine, tag: string): Promise<SavedState> {
  await runJob(machine, "snapshot-save", tag, { vmstate: DISK_NODE });
  const nodes = await machine.qmp.execute<BlockNode[]>("query-named-block-nodes", { flat: true });
  const disk = nodes.find((node) => node["node-name"] === DISK_NODE);
  const saved = disk?.image.snapshots?.find(({ name }) => name === tag);
  if (!saved) throw new VmbuildError("MACHINE_QMP", `The disk has no snapshot ${tag}`);
  return { memoryBytes: saved["vm-state-size"], date: saved["date-sec"] };
}

/**
 * Puts a machine that was started with `paused` into a saved state; it still stands still.
 * @throws {VmbuildError} MACHINE_QMP when the state does not fit this machine or is damaged.
 */
export function loadState(machine: RunningMachine, tag: string): Promise<void> {
  return runJob(machine, "snapshot-load", tag, { vmstate: DISK_NODE });
}

/** Removes a state; its blocks are free for others. */
export function deleteState(machine: RunningMachine, tag: string): Promise<void> {
  return runJob(machine, "snapshot-delete", tag, {});
}

/** Lets a machine go on that was started with `paused`. */
export async function resumeMachine(machine: RunningMachine): Promise<void> {
  await machine.qmp.execute("cont");
}

/** Runs something while the guest stands still and all it wrote is in its disk's file. */
export async function whilePaused<T>(machine: RunningMachine, work: () => Promise<T>): Promise<T> {
  await machine.qmp.execute("stop");
  try {
    return await work();
  } finally {
    // A QEMU that has gone meanwhile is noticed by whoever uses the machine next.
    await machine.qmp.execute("cont").catch(() => {});
  }
}
