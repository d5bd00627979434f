/** `examples/cluster/build.sh`: its messages and exit codes, with vmbuild as a process. */
import { chmod, copyFile, cp, readFile, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { createImageRepository } from "../../support/image-repository.js";

let home: CliHome;
let git: (...args: string[]) => Promise<string>;
beforeEach(async () => {
  home = await makeCliHome();
  git = await createImageRepository(home);
  await copyFile(resolve("examples/cluster/build.sh"), join(home.folder, "build.sh"));
  // The base of the test's template is not built, but used as it is.
  const command = join(dirname(home.folder), "vmbuild");
  const line = `exec '${process.execPath}' '${CLI_MAIN}' "$@" --no-bases --output '${home.folder}/output/node'`;
  await writeFile(command, `#!/bin/sh\n${line}\n`);
  await chmod(command, 0o755);
  await git("add", "build.sh");
  await git("commit", "--quiet", "--message", "Add build.sh");
});
afterEach(() => home[Symbol.asyncDispose]());

async function build(...args: string[]): Promise<CliResult> {
  const { exitCode, stdout, stderr } = await execa(join(home.folder, "build.sh"), args, {
    cwd: home.folder,
    env: { ...home.env, VMBUILD: join(dirname(home.folder), "vmbuild") },
    extendEnv: false,
    reject: false,
  });
  return { exitCode, stdout, stderr };
}

describe("the example", () => {
  it("is valid in a repository, and names its image by branch and commit", async () => {
    for (const folder of ["examples/cluster", "appliances/rocky8-base", "provisioners"]) {
      await cp(resolve(folder), join(home.folder, folder), { recursive: true });
    }
    await git("add", "examples", "appliances", "provisioners");
    await git("commit", "--quiet", "--message", "Add the example");
    const template = "examples/cluster/rocky8-base/rocky8-base.json";
    const valid = await home.run("validate", template);
    expect(valid.exitCode).toBe(0);
    expect(valid.stdout).toMatch(/: valid \(9 steps, 0 inputs\)$/);
    const commit = (await git("rev-parse", "HEAD")).slice(0, 7);
    const { stdout } = await home.run("inspect", template);
    expect(stdout).toContain(`output/rocky8-base-main-${commit}.qcow2`);
    expect(stdout).toMatch(new RegExp(`commit ${commit}[0-9a-f]{5} of main$`, "m"));
    expect(stdout).toContain(
      "manifest.json (Packer's format; artifact_id /var/www/html/builds/${image.name})",
    );
    expect(stdout).toContain("The image keeps private keys (seal.keep): /root/.ssh/id_cluster");
    const own = await home.run("validate", "appliances/rocky8-base/rocky8-base.json");
    expect(own.stdout).toMatch(/: valid \(9 steps, 0 inputs\)$/);
  });
});

describe("the playbooks of rocky8-base", () => {
  it.each(["first-pass.yml", "second-pass.yml"])(
    "include %s, which Ansible accepts",
    async (name) => {
      const playbook = resolve("appliances/rocky8-base/ansible", name);
      const { exitCode, all } = await execa(
        "ansible-playbook",
        ["--syntax-check", "--inventory", "localhost,", playbook],
        { cwd: home.folder, env: { ...home.env, LC_ALL: "C.UTF-8" }, all: true, reject: false },
      );
      expect(all).toContain("playbook: ");
      expect(exitCode).toBe(0);
    },
  );
});

describe("build.sh", () => {
  it("shows its usage, and names what is wrong", async () => {
    for (const args of [[], ["node/"], ["--release", "2.4.0"], ["node/", "other/"], ["--help"]]) {
      const { exitCode, stderr } = await build(...args);
      expect(exitCode).toBe(1);
      expect(stderr).toContain("Usage: ./build.sh <dir> --release <release>");
    }
    expect((await build("node/", "--frob")).stderr).toBe("build.sh: unknown option: --frob");
    expect((await build("nope/", "--release", "1")).stderr).toBe(
      "build.sh: nope/ is not a directory",
    );
  });

  it("fails on a dirty tree, and builds it with --skip-commit", async () => {
    await home.write({ "other.txt": "changed" });
    const refused = await build("node/", "--release", "2.4.0");
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toBe("");
    expect(refused.stderr).toContain(" M other.txt");
    expect(refused.stderr).toContain("build.sh requires a clean git state to run");
    expect(refused.stderr).toContain("use --skip-commit, which will produce images with a -dirty");
    const built = await build("node/", "--release", "2.4.0", "--skip-commit");
    expect(built.exitCode).toBe(0);
    expect(built.stdout).toMatch(/node-main-[0-9a-f]{7}-dirty\.qcow2$/);
  });

  it("updates the manifest in the directory of the image", async () => {
    const commit = (await git("rev-parse", "HEAD")).slice(0, 7);
    const { exitCode } = await build("node/", "--release", "2.4.0");
    expect(exitCode).toBe(0);
    const manifest = JSON.parse(
      await readFile(join(home.folder, "node/manifest.json"), "utf8"),
    ) as {
      builds: unknown[];
    };
    expect(manifest.builds.at(-1)).toMatchObject({
      artifact_id: `/srv/builds/node-main-${commit}.qcow2`,
      custom_data: { release: "2.4.0" },
    });
    // The manifest is a new file of the directory now, which is not committed.
    const again = await build("node/", "--release", "2.4.0");
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain("?? node/manifest.json");
  });
});
