/** Guests that never become ready, for various reasons. */
import { execFileSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Sandbox } from "../support/e2e.js";
import { createSandbox, processesOf } from "../support/e2e.js";

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await createSandbox();
});
afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

async function userData(...lines: string[]): Promise<{ userData: string }> {
  const path = join(sandbox.folder, "user-data.yaml");
  await writeFile(path, ["#cloud-config", ...lines, ""].join("\n"));
  return { userData: path };
}

it("refuses a guest that answers with another host key", async () => {
  const seed = await userData(
    "bootcmd:",
    "  - [ssh-keygen, -q, -t, ed25519, -N, '', -f, /etc/ssh/other_key]",
    "  - echo 'HostKey /etc/ssh/other_key' >/etc/ssh/sshd_config.d/00-other.conf",
  );
  const template = await sandbox.template({ name: "impostor", seed });
  const { exitCode, stderr } = await sandbox.build(template).ended;
  expect(exitCode).toBe(6);
  expect(stderr).toContain("[GUEST_HOST_KEY]");
  const [, expected, found] =
    /expected {2}ssh-ed25519 (\S+)\n\s+found {5}ssh-ed25519 (\S+)\n/.exec(stderr) ?? [];
  expect(expected).toMatch(/^SHA256:/);
  expect(found).toMatch(/^SHA256:/);
  expect(found).not.toBe(expected);
  expect(await processesOf(sandbox.folder)).toEqual([]);
});

it("runs all of cloud-init with user-data, and reports its errors", async () => {
  const seed = await userData("runcmd:", "  - echo ran >/dev/ttyS0", "  - exit 7");
  const template = await sandbox.template({ name: "bad-user-data", seed });
  const { exitCode, stderr } = await sandbox.build(template).ended;
  expect(exitCode).toBe(6);
  expect(stderr).toContain("[GUEST_CLOUD_INIT]");
  expect(stderr).toContain('cloud-init\'s status is "error"');
  // The output names the module that failed.
  expect(stderr).toContain("scripts");
});

describe.each([
  { firmware: "bios", words: /No bootable device/ },
  { firmware: "uefi", words: /cannot boot: (Shell>|.*No bootable option or device)/ },
])("an empty disk under $firmware", ({ firmware, words }) => {
  it("gives up on a fatal message on the console", async () => {
    const path = join(sandbox.folder, "empty.qcow2");
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", path, "64M"]);
    const name = `empty-${firmware}`;
    const template = await sandbox.template({ name, base: { path }, machine: { firmware } });
    const { exitCode, stderr } = await sandbox.build(template).ended;
    expect(exitCode).toBe(6);
    expect(stderr).toContain("[GUEST_BOOT]");
    expect(stderr).toMatch(words);
  });
});
