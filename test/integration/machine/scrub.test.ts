import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { scrubDisk } from "../../../src/machine/scrub.js";
import { errorOf } from "../../support/inputs.js";

const MIB = 2 ** 20;
const KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIJOU85OnaoyDAuAnAGs+dNkZLeyw2A0H89Qzpp1WAPWE";
const { signal } = new AbortController();
let folder: string;
let base: string;
let disk: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-scrub-"));
  base = join(folder, "base.raw");
  disk = join(folder, "disk.qcow2");
  const content = Buffer.alloc(16 * MIB);
  content.write(KEY, 15 * MIB);
  await writeFile(base, content);
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "raw", "-b", base, disk]);
});
afterEach(() => rm(folder, { recursive: true }));

/** Writes bytes into the disk, as a guest would. */
async function write(offset: number, bytes: Buffer | string): Promise<void> {
  const path = join(folder, "bytes");
  await writeFile(path, bytes);
  const command = `write -q -s ${path} ${offset} ${Buffer.byteLength(bytes)}`;
  execFileSync("qemu-io", ["-f", "qcow2", "-c", command, disk]);
}

async function readDisk(): Promise<Buffer> {
  const raw = join(folder, "disk.raw");
  execFileSync("qemu-img", ["convert", "-O", "raw", disk, raw]);
  return readFile(raw);
}

it("overwrites every occurrence, and nothing else", async () => {
  const noise = Buffer.alloc(6 * MIB, "noise and no key ");
  await write(MIB, noise);
  const places = [MIB, MIB + 100, 2 * MIB - 30, 5 * MIB - 40, 7 * MIB - KEY.length, 9 * MIB + 7];
  for (const place of places) await write(place, KEY);
  const expected = await readDisk();
  for (const place of places) expected.fill(0, place, place + KEY.length);

  expect(await scrubDisk(disk, ["other text", KEY], signal)).toBe(places.length);
  expect((await readDisk()).equals(expected)).toBe(true);
  // Content of the base is not changed.
  expect(expected.indexOf(KEY)).toBe(15 * MIB);
  expect(await scrubDisk(disk, [KEY], signal)).toBe(0);
});

it("finds matches across clusters that are not adjacent in the file", async () => {
  const cluster = 64 * 1024;
  // Written in reverse order, so that the later cluster comes first in the file.
  await write(2 * cluster, Buffer.alloc(cluster, "b"));
  await write(cluster, Buffer.alloc(cluster, "a"));
  await write(2 * cluster - 20, KEY);
  expect(await scrubDisk(disk, [KEY], signal)).toBe(1);
  expect((await readDisk()).indexOf(KEY)).toBe(15 * MIB);
});

it("does not change snapshots", async () => {
  await write(MIB, KEY);
  execFileSync("qemu-img", ["snapshot", "-c", "before", disk]);
  expect(await scrubDisk(disk, [KEY], signal)).toBe(1);
  execFileSync("qemu-img", ["snapshot", "-a", "before", disk]);
  expect((await readDisk()).indexOf(KEY)).toBe(MIB);
  expect(execFileSync("qemu-img", ["check", disk], { encoding: "utf8" })).toContain("No errors");
});

it("reports a missing disk", async () => {
  const error = await errorOf(scrubDisk(join(folder, "nothing.qcow2"), [KEY], signal));
  expect(error).toMatchObject({ code: "ARTIFACT_CONVERT" });
});
