/** Which checkpoints of a real qcow2 image are trusted after changes between two runs. */
import { spawn } from "node:child_process";
import { mkdtemp, rm, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readRecords, workPaths, writeRecords } from "../../../src/checkpoints/records.js";
import type { Checkpoint, CheckpointRecords, WorkPaths } from "../../../src/checkpoints/records.js";
import { hostBootId, readIdentity, readTrusted } from "../../../src/checkpoints/trust.js";
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
