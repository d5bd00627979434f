/** Builds on an image with one-context, which lets the build in by a CONTEXT disk. */
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildInto, createSandbox, requireDone } from "../support/e2e.js";
import type { Sandbox } from "../support/e2e.js";
import { listImage } from "../support/image-tree.js";

const PASSWORD = "Pa55-word of the test";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
  const deb = join(sandbox.folder, "one-context.deb");
  await execa(resolve("test/standins/one-context/build"), [deb]);
  const template = await sandbox.template({
    name: "base",
    steps: [
      {
        name: "one-context",
        actions: [
          { upload: deb, to: "/root/one-context.deb" },
          {
            run: [
              "apt-get purge -y cloud-init",
              "dpkg -i /root/one-context.deb",
              "rm /root/one-context.deb /etc/systemd/network/90-default-dhcp.network",
            ],
          },
        ],
      },
    ],
  });
  requireDone(await buildInto(sandbox, "base", template));
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

/** Conditions in the guest, which one-context has configured. */
const VERIFY = [
  '[ "$(systemctl is-active one-context)" = active ]',
  '[ "$(id -un)" = root ]',
  "grep -qx 'app ALL=(ALL) NOPASSWD:ALL' /etc/sudoers.d/one-context",
  '[ "$(hostname) $(cat /etc/hostname)" = "on-context on-context" ]',
  "ip -4 address show | grep -q 'inet 10.0.2.77/24'",
  '[ "$(cat /root/started)" = "two words" ]',
  "blkid -t LABEL=CONTEXT -o device | grep -q .",
  "test -b /dev/sr0",
];

const document = (last: string) => ({
  name: "on-context",
  base: { path: join(sandbox.folder, "base/base-0.0.0.qcow2") },
  variables: { password: { sensitive: true, default: PASSWORD } },
  ssh: { user: "app" },
  seed: {
    kind: "opennebula",
    context: {
      ETH0_IP: "10.0.2.77",
      PASSWORD: "${var.password}",
      NOTE: "two words",
      START_SCRIPT: 'echo "$NOTE" >/root/started',
    },
  },
  steps: [
    { name: "look", verify: VERIFY },
    // The guest gets the placeholder's host name again, and then its own.
    { name: "restart", actions: [{ reboot: true }], verify: VERIFY },
    { name: "last", actions: [{ run: `echo ${last}` }] },
  ],
});

it("lets a user in who is not root, waits for one-context, and survives a reboot", async () => {
  const ended = await buildInto(sandbox, "out", await sandbox.template(document("one")));
  requireDone(ended);
  expect(ended.stderr).not.toContain("warning:");
  expect(ended.stderr + ended.stdout).not.toContain(PASSWORD);
});

it("records no secret, and resumes with the host key of the first connection", async () => {
  const records = await readFile(join(sandbox.buildFolder("on-context"), "checkpoints.json"));
  expect(records.toString()).toMatch(/"seed context PASSWORD": "<secret [0-9a-f]{24}>"/);
  expect(records.includes(PASSWORD)).toBe(false);
  const again = await sandbox.template(document("two"));
  const ended = await buildInto(sandbox, "out", again, "--until", "last");
  requireDone(ended);
  expect(ended.stderr).toContain("the checkpoint after restart");
  expect(ended.stderr).toMatch(/\| two$/m);
});

it("leaves no rights, keys or host keys of the build in the image", async () => {
  const files = await listImage(join(sandbox.folder, "out/on-context-0.0.0.qcow2"), sandbox.folder);
  const paths = [...files.keys()];
  expect(paths).toContain("/home/app");
  expect(paths).toContain("/root/started");
  expect(
    paths.filter((path) => /ssh_host_|\/\.ssh\/authorized_keys|sudoers\.d\/one-context/.test(path)),
  ).toEqual([]);
});
