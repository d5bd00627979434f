/** The shared provisioners in a real root file system: results and refusals. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBareTree } from "../../support/appliance.js";
import type { Tree } from "../../support/tree.js";

let tree: Tree;
beforeAll(async () => {
  tree = await createBareTree();
}, 600_000);
afterAll(() => tree[Symbol.asyncDispose]());

const effective = (): Promise<string> =>
  tree.ask("mkdir -p /run/sshd && sshd -T -C user=root,host=localhost,addr=127.0.0.1");

describe("81-configure-ssh.sh", () => {
  const run = () => tree.run("/provisioners/81-configure-ssh.sh");

  it("hardens sshd regardless of existing files, and may run twice", async () => {
    await tree.ask(`ssh-keygen -A >/dev/null
      cat >/etc/ssh/sshd_config.d/50-cloud-init.conf <<<'PasswordAuthentication yes'
      cat >/etc/ssh/sshd_config.d/60-cloudimg-settings.conf <<<'PasswordAuthentication yes'
      cat >/etc/ssh/sshd_config.d/00-early.conf <<<'PermitRootLogin yes'
      printf 'permitrootlogin=yes\\nUseDNS yes\\nMatch User backup\\n  PasswordAuthentication no\\n' >>/etc/ssh/sshd_config`);
    for (let time = 0; time < 2; time += 1) {
      const { exitCode, output } = await run();
      expect(output).not.toContain("does not have");
      expect(exitCode).toBe(0);
      const lines = (await effective()).split("\n");
      expect(lines).toContain("passwordauthentication no");
      expect(lines).toContain("kbdinteractiveauthentication no");
      expect(lines).toContain("permitrootlogin without-password");
      expect(lines).toContain("usedns no");
    }
    // The user's own block remains.
    expect(await tree.ask("tail -n 2 /etc/ssh/sshd_config")).toBe(
      "Match User backup\n  PasswordAuthentication no",
    );
    await tree.ask(
      "! ls /etc/ssh/sshd_config.d/*-cloud-init.conf /etc/ssh/sshd_config.d/*-cloudimg-settings.conf",
    );
  });

  it("works where sshd reads no drop-in folder", async () => {
    await tree.ask(
      `rm /etc/ssh/sshd_config.d/*; printf 'PermitRootLogin yes\\n' >/etc/ssh/sshd_config`,
    );
    expect((await run()).exitCode).toBe(0);
    expect((await effective()).split("\n")).toContain("permitrootlogin without-password");
  });

  it("reports a broken configuration", async () => {
    await tree.ask("echo 'NoSuchOption yes' >>/etc/ssh/sshd_config");
    const { exitCode, output } = await run();
    expect(exitCode).not.toBe(0);
    expect(output).toContain("NoSuchOption");
    await tree.ask("sed -i '/NoSuchOption/d' /etc/ssh/sshd_config");
  });
});

describe("82-configure-context.sh", () => {
  const run = (folder = "") => tree.run(`/provisioners/82-configure-context.sh ${folder}`);
  const hooks = "/standins/one-apps/appliances/scripts";

  it("refuses where one-context is not installed", async () => {
    expect((await run(hooks)).output).toContain("one-context is not installed");
    await tree.ask(
      "mkdir /etc/one-context.d; echo package >/etc/one-context.d/net-99-report-ready",
    );
  });

  it.each([
    ["is missing", "rm", "does not exist or is empty"],
    ["is empty", "truncate -s 0", "does not exist or is empty"],
    ["is no script", "sed -i 1d", "is not a script"],
  ])("refuses where a hook %s, and installs none", async (_, spoil, words) => {
    await tree.ask(
      `rm -rf /tmp/hooks && cp -r ${hooks} /tmp/hooks && ${spoil} /tmp/hooks/net-99-report-ready`,
    );
    const { exitCode, output } = await run("/tmp/hooks");
    expect(exitCode).toBe(1);
    expect(output).toContain(words);
    await tree.ask("! test -e /etc/one-context.d/net-90-service-appliance");
  });

  it("installs both, executable, in place of the package's", async () => {
    await tree.ask(`cp ${hooks}/* /etc/one-appliance/`);
    expect((await run()).exitCode).toBe(0);
    expect(await tree.ask("stat -c '%n %a' /etc/one-context.d/*")).toBe(
      "/etc/one-context.d/net-90-service-appliance 755\n/etc/one-context.d/net-99-report-ready 755",
    );
    await tree.ask(`cmp ${hooks}/net-99-report-ready /etc/one-context.d/net-99-report-ready`);
    await tree.ask("! test -e /etc/one-appliance/net-90-service-appliance");
  });
});

describe("80-install-context.sh", () => {
  const run = (source = "") => tree.run(`/provisioners/80-install-context.sh ${source}`);

  it.each([
    ["nothing is there", "true", "/context does not exist"],
    ["the folder is empty", "mkdir /context", "/context is empty"],
    ["it holds two files", "touch /context/{a,b}", "/context contains 2 files"],
    [
      "it is something else",
      "rm /context/b; echo x >/context/a",
      "neither a Debian package nor an ISO",
    ],
  ])("refuses where %s", async (_, prepare, words) => {
    await tree.ask(prepare);
    const { exitCode, output } = await run();
    expect(exitCode).toBe(1);
    expect(output).toContain(words);
  });

  it("refuses another package", async () => {
    const folder = mkdtempSync(join(tmpdir(), "vmb-deb-"));
    try {
      execFileSync("mkdir", ["-p", join(folder, "other/DEBIAN")]);
      const control =
        "Package: other\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n";
      execFileSync("tee", [join(folder, "other/DEBIAN/control")], { input: control });
      execFileSync("dpkg-deb", ["--build", join(folder, "other"), join(folder, "other.deb")]);
      await tree.copy(folder, "/debs");
    } finally {
      rmSync(folder, { recursive: true });
    }
    expect((await run("/debs/other.deb")).output).toContain(
      "is the package other, not one-context",
    );
  });
});

describe("90-cleanup.sh", () => {
  const run = (args = "", variables = {}) =>
    tree.run(`/provisioners/90-cleanup.sh ${args}`, variables);
  const NAMES =
    "purge packages package-lists rpm-database subscription cloud-init network context policy host-keys authorized-keys machine-id random-seed histories tmp logs root-password";

  it("lists its operations, and refuses others", async () => {
    const { output } = await run("--list");
    expect(output.split("\n").map((line) => line.split(" ")[0])).toEqual([
      ...NAMES.split(" "),
      "swap",
      "free-space",
    ]);
    expect((await run("nonsense")).output).toContain("unknown operation nonsense");
    expect((await run("", { CLEANUP_SKIP: "nonsense" })).exitCode).toBe(1);
  });

  it.each([
    ["packages", "touch /var/cache/apt/archives/x.deb", "/var/cache/apt/archives/x.deb"],
    [
      "package-lists",
      "touch /var/lib/apt/lists/mirror_Packages",
      "/var/lib/apt/lists/mirror_Packages",
    ],
    [
      "rpm-database",
      "mkdir -p /var/lib/rpm; touch /var/lib/rpm/__db.001 /var/lib/rpm/Packages",
      "/var/lib/rpm/__db.001",
    ],
    [
      "subscription",
      "mkdir -p /etc/pki/consumer; touch /etc/pki/consumer/{key,cert}.pem",
      "/etc/pki/consumer/key.pem",
    ],
    [
      "network",
      "mkdir -p /var/lib/NetworkManager; touch /var/lib/NetworkManager/{secret_key,internal-1-eth0.lease}",
      "internal-1-eth0.lease",
    ],
    ["cloud-init", "mkdir -p /var/lib/cloud/instances/i-1", "/var/lib/cloud/instances/i-1"],
    ["context", "mkdir -p /context", "/context"],
    ["policy", "touch /usr/sbin/policy-rc.d", "policy-rc.d"],
    ["host-keys", "ssh-keygen -A", "ssh_host_ed25519_key"],
    [
      "authorized-keys",
      "mkdir -p /root/.ssh; echo key >/root/.ssh/authorized_keys",
      "authorized_keys",
    ],
    ["machine-id", "echo 0123 >/etc/machine-id", "/etc/machine-id"],
    [
      "random-seed",
      "mkdir -p /var/lib/systemd; echo x >/var/lib/systemd/random-seed",
      "random-seed",
    ],
    ["histories", "touch /root/.bash_history", ".bash_history"],
    ["tmp", "touch /tmp/left /var/tmp/.left", "/var/tmp/.left"],
    ["logs", "echo x >/var/log/old.log.1", "/var/log/old.log.1"],
    ["root-password", "echo root:secret | chpasswd", "root has a password"],
    ["purge", "true", "jq"],
  ])("finds what is left for %s, removes it, and finds it gone", async (name, spoil, found) => {
    const variables = name === "purge" ? { CLEANUP_PURGE: "jq" } : {};
    await tree.ask(spoil);
    const before = await run(`--check ${name}`, variables);
    expect(before.exitCode).toBe(1);
    expect(before.output).toContain(`90-cleanup.sh: ${name}: left behind:`);
    expect(before.output).toContain(found);
    for (let time = 0; time < 2; time += 1) {
      const { exitCode, output } = await run(name, variables);
      expect(output).not.toContain("left behind");
      expect(exitCode).toBe(0);
    }
    expect((await run(`--check ${name}`, variables)).exitCode).toBe(0);
  });

  it("skips given operations", async () => {
    await tree.ask("touch /tmp/left; mkdir -p /context");
    const { output } = await run("tmp context", { CLEANUP_SKIP: "tmp" });
    expect(output).not.toContain("temporary files");
    await tree.ask("test -e /tmp/left && ! test -e /context");
  });
});
