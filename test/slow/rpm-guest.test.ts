/**
 * A guest of rpm packages: built in two passes of Ansible with restarts, its updates made into an
 * archive, and the archive tried on the image before it.
 */
import { readFile, readdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSandbox, requireDone } from "../support/e2e.js";
import type { Sandbox } from "../support/e2e.js";
import { PACKAGES, PREPARE, publishScript, repoFile } from "../support/rpm-tree.js";

const MIRROR = "/srv/mirror";
/** Debian's needs-restarting cannot be installed beside zypper. */
const DNF_PACKAGES = PACKAGES.filter((name) => name !== "zypper");
const FURTHER_PACKAGES = ["ansible-core", "dnf-plugins-core"];
const MACHINE = { disk: "4G", memory: "1536M" };
const provisioner = (name: string): string => resolve("provisioners", name);

let sandbox: Sandbox;
let oldImage: string;
beforeAll(async () => {
  sandbox = await createSandbox();
  const first = [
    { name: "library", version: "1.0" },
    { name: "tool", version: "1.0", requires: "library" },
  ];
  const template = await sandbox.template({
    name: "old",
    version: "1.0.0",
    base: {
      bootstrap: { suite: "bookworm", packages: [...DNF_PACKAGES, ...FURTHER_PACKAGES] },
    },
    machine: MACHINE,
    steps: [
      {
        name: "rpm",
        actions: [
          { run: PREPARE, shell: "bash" },
          { run: publishScript(MIRROR, first, true), shell: "bash" },
          { write: "/etc/yum.repos.d/own.repo", content: repoFile("own", `file://${MIRROR}`) },
          { run: "dnf -qy install tool" },
        ],
        verify: ["rpm -q tool-1.0 library-1.0"],
      },
    ],
  });
  const output = join(sandbox.folder, "old");
  requireDone(await sandbox.build(template, "--output", output).ended);
  oldImage = join(output, "old-1.0.0.qcow2");
}, 3_600_000);
afterAll(() => sandbox[Symbol.asyncDispose]());

/** Playbook that installs a package with dnf, and records which pass it is. */
const playbook = (tasks: object[]): string =>
  JSON.stringify([{ hosts: "all", gather_facts: false, tasks }]);

const record = (pass: string): object => ({
  "ansible.builtin.copy": { dest: `/etc/pass-${pass}`, content: "release {{ release }}\n" },
});

async function templateOfNode(): Promise<string> {
  const folder = join(sandbox.folder, "templates");
  const install = { "ansible.builtin.dnf": { name: "extra", state: "present" } };
  await writeFile(join(folder, "first.yml"), playbook([install, record("one")]));
  await writeFile(join(folder, "second.yml"), playbook([record("two")]));
  const second = [
    { name: "library", version: "1.1" },
    { name: "extra", version: "3.0" },
  ];
  const pass = (file: string): object => ({
    ansible: file,
    in: "guest",
    extraVars: { release: "2.4.0" },
  });
  const skipIf = "test '${var.create_patches}' != true";
  const collect = provisioner("70-collect-patches.sh");
  return sandbox.template({
    name: "node",
    base: { path: oldImage },
    machine: MACHINE,
    variables: { create_patches: { default: false } },
    steps: [
      {
        name: "newer-mirror",
        actions: [{ run: publishScript(MIRROR, second, true), shell: "bash" }],
      },
      {
        name: "before-patches",
        skipIf,
        actions: [{ script: collect, arguments: ["--begin"] }],
      },
      { name: "updates", actions: [{ script: provisioner("10-upgrade.sh") }, { reboot: true }] },
      { name: "first-pass", actions: [pass("first.yml"), { reboot: true }] },
      {
        name: "second-pass",
        actions: [pass("second.yml")],
        verify: ["grep 2.4.0 /etc/pass-one /etc/pass-two", "rpm -q library-1.1 extra-3.0"],
      },
      {
        name: "collect-patches",
        skipIf,
        actions: [{ script: collect, arguments: ["--collect", "/var/lib/patches"] }],
      },
    ],
    output: { patches: {} },
  });
}

describe("a guest of rpm packages", () => {
  it("is built in two passes of Ansible, with an archive of its updates", async () => {
    const template = await templateOfNode();
    const folder = join(sandbox.folder, "templates");
    const git = ["-c", "user.name=t", "-c", "user.email=t@example.org"];
    await execa("git", ["init", "-q", "-b", "main"], { cwd: folder });
    await execa("git", ["add", "."], { cwd: folder });
    await execa("git", [...git, "commit", "-qm", "Start"], { cwd: folder });
    requireDone(await sandbox.build(template, "--create-patches").ended);
    const [archive = ""] = (await readdir(sandbox.output)).filter((name) => name.endsWith(".tgz"));
    expect(archive).toMatch(/^node-patches-main-[0-9a-f]{7}\.tgz$/);
    const { stdout } = await execa("tar", ["-tzf", join(sandbox.output, archive)]);
    const names = stdout.split("\n").map((path) => path.split("/").at(-1) ?? "");
    expect(names.filter((name) => name.endsWith(".rpm")).toSorted()).toEqual([
      "extra-3.0-1.noarch.rpm",
      "library-1.1-1.noarch.rpm",
    ]);
    expect(names).toEqual(expect.arrayContaining(["repomd.xml", "security_advisories.txt"]));
  });

  it("has an archive that updates the image before it, which then starts", async () => {
    const [archive = ""] = (await readdir(sandbox.output)).filter((name) => name.endsWith(".tgz"));
    const sums = await readFile(join(sandbox.output, `${archive}.sha256`), "utf8");
    const ended = await sandbox.vmbuild(
      ...["run", resolve("examples/cluster/try-patches/try-patches.json"), "--until", "checks"],
      ...["--var", `image=${oldImage}`, "--var", `archive=${join(sandbox.output, archive)}`],
      ...["--var", `sha256=${sums.split(" ")[0]}`, "--accel", "tcg", "--memory", MACHINE.memory],
      ...["--set", `machine.disk=${MACHINE.disk}`, "--log-format", "plain"],
    );
    requireDone(ended);
    expect(ended.stderr).toMatch(/checks done/);
  });
});
