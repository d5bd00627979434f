/**
 * A disk that becomes full while a snapshot is saved. The test mounts a file system of limited size
 * in memory, visible only to its own processes.
 */
import { mkdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Sandbox } from "../support/e2e.js";
import { CLI, createSandbox } from "../support/e2e.js";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox({ boots: true });
});
afterAll(() => sandbox[Symbol.asyncDispose]());

/** Uses more memory than before, so that the size of the snapshot cannot be predicted. */
const FILL = [
  "mkdir /run/full && mount -t tmpfs -o size=2300M full /run/full",
  "yes | head -c 2100M >/run/full/file",
];

it("costs a checkpoint and causes a warning, but does not fail the build", async () => {
  const template = await sandbox.template({
    name: "full-disk",
    version: "1.0.0",
    machine: { memory: "3G" },
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
  const builds = dirname(sandbox.buildFolder("full-disk"));
  await mkdir(builds, { recursive: true, mode: 0o700 });
  const script = `
    mount -t tmpfs -o size=8g,mode=700 disk "$BUILDS"
    vmbuild() { "$NODE" "$CLI" run "$TEMPLATE" --output "$OUTPUT" --log-format plain "$@"; }
    vmbuild --until before
    used=$(df --output=used --block-size=1M "$BUILDS" | tail -n 1)
    mount -o "remount,size=$((used + 2300))m" "$BUILDS"
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
