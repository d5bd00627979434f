import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createSandbox } from "../support/e2e.js";
import type { Sandbox } from "../support/e2e.js";

let sandbox: Sandbox;
beforeAll(async () => {
  sandbox = await createSandbox();
});
afterAll(async () => {
  await sandbox[Symbol.asyncDispose]();
});

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKperwINx0xqYFmQPDLIuGZ7ZhiAdeAlqwSKpnNqfMKw me";

/**
 * Contains values that YAML 1.1 and 1.2 parse differently, a template of cloud-init, and a restart.
 */
const USER_DATA = `## template: jinja
#cloud-config
# A comment, and a name: {{ v1.local_hostname }}
users:
  default: true
  app: {gecos: Of the user-data, shell: /bin/sh, sudo: "ALL=(ALL) /bin/true"}
ssh_authorized_keys: [${KEY}]
disable_root: true
ssh_pwauth: yes
write_files:
  - {path: /root/mode, permissions: 0640, content: "22:22 on"}
  - {path: /root/name, content: "{{ v1.local_hostname }}"}
  - {path: /root/binary, content: !!binary aGk=}
runcmd: [touch /root/ran]
power_state: {mode: reboot}
`;

/** Conditions in the guest, by name. */
const VERIFY = [
  '[ "$(stat -c %a /root/mode)" = 640 ]',
  '[ "$(cat /root/mode)" = "22:22 on" ]',
  '[ "$(cat /root/name)" = vmbuild-guest ]',
  '[ "$(cat /root/binary)" = hi ]',
  // Created by a module of the stages that a build without user-data skips.
  "test -e /root/ran",
  // The user is defined by the user-data, and the build can log in nevertheless.
  'getent passwd app | grep -q ":Of the user-data:/home/app:/bin/sh$"',
  'grep -qx "app ALL=(ALL) /bin/true" /etc/sudoers.d/90-cloud-init-users',
  "getent passwd debian",
  // disable_root and ssh_pwauth are also those of the user-data.
  `grep -q 'command=.*${KEY}' /root/.ssh/authorized_keys`,
  "grep -rqx 'PasswordAuthentication yes' /etc/ssh/sshd_config /etc/ssh/sshd_config.d",
  "cloud-init status | grep -q done",
  // No timer is left that could start a service.
  '[ -z "$(systemctl list-units --type=timer --state=active --plain --no-legend apt-daily*)" ]',
  '[ "$(systemctl is-enabled apt-daily.timer apt-daily-upgrade.timer | sort -u)" = enabled ]',
];

// Two boots and a restart.
it("passes user-data on unchanged, waits for its restart, and does not change its users", async () => {
  await mkdir(sandbox.output, { recursive: true });
  const userData = join(sandbox.folder, "user-data");
  await writeFile(userData, USER_DATA);
  const template = await sandbox.template({
    name: "user-data",
    seed: { userData },
    ssh: { user: "app" },
    steps: [
      { name: "look", verify: VERIFY },
      // The seal removes the build's own rule; that of the user-data remains.
      { name: "rule", actions: [{ run: "cat /etc/sudoers.d/zz-vmbuild-build" }] },
    ],
  });
  const { exitCode, stderr } = await sandbox.build(template).ended;
  expect(stderr).toMatch(/The guest is restarting|The connection was lost while cloud-init ran/);
  expect(exitCode).toBe(0);
  const command = "ls /etc/sudoers.d; grep -c build-key /home/app/.ssh/authorized_keys; exit 5";
  const inside = await sandbox.vmbuild("boot", template, "--output", sandbox.output, "--", command);
  expect(inside.stdout).toContain("90-cloud-init-users");
  expect(inside.stdout).not.toContain("zz-vmbuild-build");
  expect(inside.exitCode).toBe(5);
});
