/** Which checkpoints of a real qcow2 image are trusted after changes between two runs. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, open, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readRecords, workPaths, writeRecords } from "../../../src/checkpoints/records.js";
import type { Checkpoint, CheckpointRecords, WorkPaths } from "../../../src/checkpoints/records.js";
import {
  hostBootId,
  readIdentity,
  readTrusted,
  removeSnapshots,
} from "../../../src/checkpoints/trust.js";
import { createOverlay, imageInfo } from "../../../src/machine/disk.js";
import type { DiskSnapshot } from "../../../src/machine/disk.js";
import { SMALL_SHAPE } from "../../support/machine.js";

const { signal } = new AbortController();
let folder: string;
let paths: WorkPaths;
let records: CheckpointRecords;

function checkpointOf({ tag, vmStateSize, date }: DiskSnapshot, index: number): Checkpoint {
  const now = new Date().toISOString();
  return {
    ...{ tag, index, step: `step-${index}`, key: `key-${index}`, manifest: {} },
    ...{ createdAt: now, usedAt: now, stepMs: 1, saveMs: 1, diskBytes: 0, synced: true },
    ...{ memoryBytes: vmStateSize, date: Math.floor(date.getTime() / 1000) },
  };
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmb-trust-"));
  paths = workPaths(folder);
  await execa("qemu-img", ["create", "-q", "-f", "qcow2", paths.base, "64M"]);
  await createOverlay({ path: paths.disk, backing: paths.base, backingFormat: "qcow2" });
  for (const path of [paths.seed, paths.keys]) await writeFile(path, "");
  const write = (at: string) =>
    execa("qemu-io", ["-f", "qcow2", "-c", `write -q -P 7 ${at} 1M`, paths.disk]);
  for (const [index, tag] of ["vmb-0", "vmb-1"].entries()) {
    await write(`${index}M`);
    await execa("qemu-img", ["snapshot", "-c", tag, paths.disk]);
  }
  await write("8M");
  const { snapshots } = await imageInfo(paths.disk, signal);
  const shape = { ...SMALL_SHAPE, name: "trust", memory: 2 ** 29 };
  records = {
    version: 1,
    root: {},
    machine: { shape, qemu: "7.2", user: "root", sshPort: 22, media: { disk: true, cd: true } },
    disk: await readIdentity(paths.disk),
    base: await readIdentity(paths.base),
    hostBoot: await hostBootId(),
    checkpoints: snapshots.map(checkpointOf),
  };
});
afterEach(() => rm(folder, { recursive: true, force: true }));

/** Returns what a run finds with the present disk and these records. */
async function found(change: Partial<CheckpointRecords> = {}) {
  await writeRecords(paths, { ...records, ...change });
  const { records: kept, losses, orphans } = await readTrusted(paths, signal);
  return { steps: kept?.checkpoints.map(({ step }) => step), losses, orphans };
}

it("trusts an unchanged disk", async () => {
  expect(await found()).toEqual({ steps: ["step-0", "step-1"], losses: [], orphans: [] });
});

it("reads the machine back with every field of its shape", async () => {
  await writeRecords(paths, records);
  expect((await readRecords(paths))?.machine).toEqual(records.machine);
});

describe("trusts nothing", () => {
  const nothing = (why: RegExp) => ({
    steps: undefined,
    losses: [expect.stringMatching(why) as string],
    orphans: [],
  });

  it("on a disk that another program has written to", async () => {
    await execa("qemu-io", ["-f", "qcow2", "-c", "write -q -P 9 0 64k", paths.disk]);
    expect(await found()).toEqual(
      nothing(/2 checkpoints cannot be used: it was modified after the last run/),
    );
  });

  it("on a disk that was truncated while a machine used it", async () => {
    await truncate(paths.disk, 2_000_000);
    expect(await found({ disk: null })).toEqual(nothing(/qemu-img/));
  });

  it("on a disk with another base", async () => {
    await execa("qemu-img", ["rebase", "-u", "-f", "qcow2", "-b", "", paths.disk]);
    expect(await found({ disk: null })).toEqual(nothing(/not the disk that vmbuild created/));
  });

  it("on a file that is not a disk", async () => {
    await writeFile(paths.disk, "no disk");
    expect(await found({ disk: null })).toEqual(nothing(/cannot be used/));
  });

  it("on a changed base", async () => {
    await utimes(paths.base, new Date(), new Date(0));
    expect(await found()).toEqual(nothing(/its base was modified/));
  });

  it.each(["disk", "base", "seed", "keys"] as const)("without its %s", async (what) => {
    await rm(paths[what]);
    expect(await found()).toEqual(nothing(/ was removed$/));
  });
});

it("trusts the complete checkpoints after a killed run", async () => {
  // The second record differs from the disk; the third snapshot does not exist.
  const [first, second] = records.checkpoints;
  if (!first || !second) throw new Error("there are two");
  const checkpoints = [first, { ...second, memoryBytes: 1 }, { ...second, tag: "vmb-2" }];
  expect(await found({ disk: null, checkpoints })).toEqual({
    steps: ["step-0"],
    losses: ["2 of 3 checkpoints are incomplete and are not used"],
    orphans: ["vmb-1"],
  });
});

it("trusts only synced checkpoints after a reboot of the host", async () => {
  const [first, second] = records.checkpoints;
  if (!first || !second) throw new Error("there are two");
  const checkpoints = [first, { ...second, synced: false }];
  expect(await found({ checkpoints })).toMatchObject({ steps: ["step-0", "step-1"] });
  expect(await found({ checkpoints, hostBoot: "another" })).toMatchObject({ steps: ["step-0"] });
});

it("waits for a dying machine that still locks the disk", async () => {
  // The process holds the lock until its input ends.
  const holder = spawn("qemu-io", ["-f", "qcow2", paths.disk], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  const holding = new Promise((done) => holder.stdout.once("data", done));
  holder.stdin.write("write -q 16M 64k\nlength\n");
  await holding;
  const reading = found({ disk: null });
  // Other readers are refused meanwhile, one after the other.
  for (let time = 0; time < 2; time++) {
    await expect(execa("qemu-img", ["check", "-q", paths.disk])).rejects.toThrow(/lock/);
  }
  holder.stdin.end();
  expect(await reading).toMatchObject({ steps: ["step-0", "step-1"], losses: [] });
});

describe("a machine with a further disk", () => {
  let data: string;

  /** Returns what a run finds, with the identities of both disks in the records. */
  async function foundWithDisk(change: Partial<CheckpointRecords> = {}) {
    const disks = [{ name: "data", bus: "virtio" as const }];
    const machine = { ...records.machine, shape: { ...records.machine.shape, disks } };
    return found({ machine, disks: [await readIdentity(data)], ...change });
  }

  beforeEach(async () => {
    data = join(paths.disks, "data.qcow2");
    await mkdir(paths.disks);
    await execa("qemu-img", ["create", "-q", "-f", "qcow2", data, "64M"]);
    // QEMU gives the snapshots of all disks the same time; qemu-img takes the present one.
    for (const tag of ["vmb-0", "vmb-1"]) await execa("qemu-img", ["snapshot", "-c", tag, data]);
    const { snapshots } = await imageInfo(data, signal);
    const dates = snapshots.map(({ date }) => Math.floor(date.getTime() / 1000));
    const last = Math.max(...dates, ...records.checkpoints.map(({ date }) => date));
    await setSnapshotDates(paths.disk, last);
    await setSnapshotDates(data, last);
    records = {
      ...records,
      disk: await readIdentity(paths.disk),
      checkpoints: records.checkpoints.map((one) => ({ ...one, date: last })),
    };
  });

  it("is trusted when both disks have the snapshots", async () => {
    const all = { steps: ["step-0", "step-1"], losses: [], orphans: [] };
    expect(await foundWithDisk()).toEqual(all);
  });

  it("loses a checkpoint that one disk lacks", async () => {
    await execa("qemu-img", ["snapshot", "-d", "vmb-1", data]);
    const rest = { steps: ["step-0"], orphans: ["vmb-1"] };
    expect(await foundWithDisk()).toMatchObject(rest);
    await removeSnapshots([paths.disk, data], ["vmb-1"], signal);
    expect(await foundWithDisk({ disk: null })).toMatchObject({ ...rest, orphans: [] });
  });

  it("is not trusted when the further disk was changed or removed", async () => {
    const before = [await readIdentity(data)];
    await execa("qemu-io", ["-f", "qcow2", "-c", "write -q -P 9 0 64k", data]);
    const changed = await foundWithDisk({ disks: before });
    expect(changed.losses[0]).toContain("it was modified after the last run");
    await rm(data);
    const machine = { ...records.machine.shape, disks: [{ name: "data", bus: "virtio" as const }] };
    const gone = await found({ machine: { ...records.machine, shape: machine }, disks: before });
    expect(gone.losses[0]).toContain("data.qcow2 was removed");
  });
});

/**
 * Sets the time of all snapshots in a qcow2 image (QEMU's docs/interop/qcow2.txt: the table's offset
 * at byte 64 of the header; in each entry, the seconds at byte 16).
 */
async function setSnapshotDates(path: string, seconds: number): Promise<void> {
  await using file = await open(path, "r+");
  const header = Buffer.alloc(72);
  await file.read(header, 0, header.length, 0);
  const count = header.readUInt32BE(60);
  let at = Number(header.readBigUInt64BE(64));
  for (let entry = 0; entry < count; entry++) {
    const fields = Buffer.alloc(40);
    await file.read(fields, 0, fields.length, at);
    const date = Buffer.alloc(4);
    date.writeUInt32BE(seconds);
    await file.write(date, 0, date.length, at + 16);
    const length = 40 + fields.readUInt16BE(12) + fields.readUInt16BE(14) + fields.readUInt32BE(36);
    at += Math.ceil(length / 8) * 8;
  }
}
