/**
 * A disk that becomes full while a snapshot is saved. The test mounts a file system of limited size
 * in memory, visible only to its own processes.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../support/e2e.js";
import type { BusyboxGuest } from "../support/busybox-guest.js";
import { CLI, createSandbox } from "../support/e2e.js";
import { makeSmallGuest, onSmallGuest } from "../support/small-guest.js";

let sandbox: Sandbox;
let guest: BusyboxGuest;
beforeAll(async () => {
  sandbox = await createSandbox();
  guest = await makeSmallGuest(sandbox.folder);
});
afterAll(() => sandbox[Symbol.asyncDispose]());

/**
 * Uses more memory than before, so that the size of the snapshot cannot be predicted: 1.75 GB, of
 * data that is not all zeros.
 */
const FILL = [
  "mkdir /run/full && mount -t tmpfs -o size=1800M full /run/full",
  "head -c 10000000 /dev/urandom >/run/part",
  "for n in $(seq 175); do cat /run/part; done >/run/full/file",
  "rm /run/part",
];

/** Space after the first snapshot, which the next one exceeds. A run begins with 2048. MiB. */
const SPACE = 2150;

it("costs a checkpoint and causes a warning, but does not fail the build", async () => {
  const document = onSmallGuest(guest, {
    name: "full-disk",
    version: "1.0.0",
    machine: { memory: "2200M" },
    steps: [
      { name: "before", actions: [{ run: "echo before >/root/proof" }] },
      { name: "fill", actions: [{ run: FILL }] },
      {
        name: "after",
        actions: [
          { run: ["umount /run/full", "echo after >>/root/proof", "sync"] },
          { download: "/root/proof", to: "proof" },
        ],
      },
    ],
  });
  const template = await sandbox.template(document);
  const builds = dirname(sandbox.buildFolder("full-disk"));
  await mkdir(builds, { recursive: true, mode: 0o700 });
  const script = `
    mount -t tmpfs -o size=8g,mode=700 disk "$BUILDS"
    vmbuild() { "$NODE" "$CLI" run "$TEMPLATE" --output "$OUTPUT" --log-format plain "$@"; }
    vmbuild --until before
    used=$(df --output=used --block-size=1M "$BUILDS" | tail -n 1)
    mount -o "remount,size=$((used + ${SPACE}))m" "$BUILDS"
    vmbuild`;
  const namespace = process.getuid?.() === 0 ? [] : ["--map-root-user"];
  const env = { BUILDS: builds, NODE: process.execPath, CLI, TEMPLATE: template };
  const { exitCode, stderr } = await execa(
    "unshare",
    [...namespace, "--mount", "sh", "-ec", script],
    { env: { ...sandbox.env, ...env, OUTPUT: sandbox.output }, reject: false },
  );
  expect(stderr).toMatch(/No checkpoint was saved after fill: (?!.* are free in )/);
  expect(stderr).toContain("step [3/3] after done");
  expect(stderr).toContain("full-disk 1.0.0 built in");
  expect(exitCode).toBe(0);
  expect(await readFile(join(sandbox.output, "proof"), "utf8")).toBe("before\nafter\n");
});
