/** Builds on a bootstrapped base that let the build in by systemd credentials, not cloud-init. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildInto, createSandbox, requireDone } from "../support/e2e.js";
import type { Sandbox } from "../support/e2e.js";
import { differingPaths, listImage } from "../support/image-tree.js";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox({ boots: true });
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Conditions in a guest that cloud-init has not configured. */
const VERIFY = [
  "cloud-init status | grep -qx 'status: disabled'",
  "! ls /var/lib/cloud/instance /run/cloud-init/result.json 2>/dev/null | grep .",
  '[ "$(hostname) $(cat /etc/hostname)" = "by-credentials by-credentials" ]',
  // The disk has 4 GiB and the base 3.
  '[ "$(df --output=size -k / | tail -n 1)" -gt 3900000 ]',
  '[ "$(ls /etc/ssh/ssh_host_*_key)" = /etc/ssh/ssh_host_ed25519_key ]',
  '[ "$(stat -c %a /root/.ssh /root/.ssh/authorized_keys /etc/ssh/ssh_host_ed25519_key | xargs)" = "700 600 600" ]',
  // Nobody else on the host or in the guest can read the keys.
  "! grep -q credential /proc/cmdline",
  '[ "$(stat -c %a /sys/firmware/dmi/entries/11-0/raw)" = 400 ]',
];

/** Folders that cloud-init has left in the guest in which it ran. */
const BY_CLOUD_INIT = [/^\/var\/lib\/cloud(\/|$)/, /^\/var\/tmp\/cloud-init$/];

/** Files whose content depends on the time in any build. */
const BY_CHANCE = [/^\/var\/log\//];

const known = (patterns: readonly RegExp[]) => (path: string) =>
  patterns.some((pattern) => pattern.test(path));

it("lets the build in without cloud-init, and extends the disk", async () => {
  const template = await sandbox.template({
    name: "by-credentials",
    steps: [{ name: "look", verify: VERIFY }],
  });
  const ended = await sandbox.build(template, "--keep-work").ended;
  requireDone(ended);
  const seed = join(sandbox.buildFolder("by-credentials"), "seed");
  const secret = (await readFile(seed, "utf8")).slice(-100, -4);
  expect(await readFile(join(await sandbox.runFolder("by-credentials"), "qemu.json"), "utf8"))
    .not // No key is in the argument list.
    .toContain(secret);
});

it("resumes from a checkpoint, and starts another build from the booted guest", async () => {
  const steps = [
    { name: "look", verify: VERIFY.filter((text) => !text.includes("by-credentials")) },
    { name: "more", actions: [{ run: "hostname" }] },
  ];
  const again = await sandbox.template({ name: "by-credentials", steps });
  const resumed = await sandbox.build(again, "--until", "more").ended;
  requireDone(resumed);
  expect(resumed.stderr).toMatch(/\| by-credentials$/m);
  expect(resumed.stderr).not.toContain("boot done");

  const other = await sandbox.template({ name: "other", steps });
  const started = await buildInto(sandbox, "other", other, "--until", "more");
  requireDone(started);
  expect(started.stderr).toContain("a booted guest");
  expect(started.stderr).toMatch(/\| other$/m);
});

it("creates the image that a build by cloud-init's seed creates", async () => {
  const template = await sandbox.template({
    name: "by-seed",
    seed: { kind: "cloud-init" },
    steps: [{ name: "look", verify: ["cloud-init status | grep -q done"] }],
  });
  requireDone(await buildInto(sandbox, "by-seed", template));
  const [one, other] = await Promise.all([
    listImage(join(sandbox.output, "by-credentials-0.0.0.qcow2"), sandbox.folder),
    listImage(
      join(sandbox.folder, "by-seed", "by-seed-0.0.0.qcow2"),
      join(sandbox.folder, "templates"),
    ),
  ]);
  const differences = differingPaths(one, other).filter((path) => !known(BY_CHANCE)(path));
  expect(differences.filter((path) => !known(BY_CLOUD_INIT)(path))).toEqual(["/etc/hostname"]);
  // They are in the image of that guest only.
  const written = differences.filter(known(BY_CLOUD_INIT));
  expect(written.filter((path) => one.has(path))).toEqual([]);
});
