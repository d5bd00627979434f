/** `examples/cluster/build.sh`: its messages and exit codes, with vmbuild as a process. */
import { chmod, copyFile, cp, utimes, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { CLI_MAIN, makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { createImageRepository } from "../../support/image-repository.js";

let home: CliHome;
let git: (...args: string[]) => Promise<string>;
beforeAll(async () => {
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
afterAll(() => home[Symbol.asyncDispose]());

const build = (...args: string[]): Promise<CliResult> =>
  buildWith(join(dirname(home.folder), "vmbuild"), ...args);

async function buildWith(command: string, ...args: string[]): Promise<CliResult> {
  const { exitCode, stdout, stderr } = await execa(join(home.folder, "build.sh"), args, {
    cwd: home.folder,
    env: { ...home.env, VMBUILD: command },
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
    expect(valid.stdout).toMatch(/: valid \(12 steps, 0 inputs\)$/);
    const commit = (await git("rev-parse", "HEAD")).slice(0, 7);
    const { stdout } = await home.run("inspect", template);
    expect(stdout).toContain(`output/rocky8-base-main-${commit}.qcow2`);
    expect(stdout).toMatch(new RegExp(`commit ${commit}[0-9a-f]{5} of main$`, "m"));
    expect(stdout).toContain(
      "manifest.json (Packer's format; artifact_id /var/www/html/builds/${image.name})",
    );
    expect(stdout).toContain("The image keeps private keys (seal.keep): /root/.ssh/id_cluster");
  });
});

describe("the playbooks of rocky8-base", () => {
  it("are accepted by Ansible", async () => {
    const folder = resolve("appliances/rocky8-base/ansible");
    const names = ["first-pass.yml", "second-pass.yml"].map((name) => join(folder, name));
    const { exitCode, all } = await execa(
      "ansible-playbook",
      ["--syntax-check", "--inventory", "localhost,", ...names],
      { cwd: home.folder, env: { ...home.env, LC_ALL: "C.UTF-8" }, all: true, reject: false },
    );
    expect(all.match(/^playbook: /gm)).toHaveLength(2);
    expect(exitCode).toBe(0);
  });
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

  it("calls vmbuild for an archive of patches, without a release", async () => {
    const { exitCode, stdout } = await buildWith("echo", "node/", "--create-patches", "--debug");
    expect(stdout).toBe("run ./node.json --create-patches --debug");
    expect(exitCode).toBe(0);
    const ignored = await buildWith("echo", "node", "--release", "1", "--create-patches");
    expect(ignored.stdout).toBe("run ./node.json --create-patches");
    const refused = await build("node/", "--create-patches");
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toContain("node has no output.patches");
  });

  it("updates the manifest in the directory of the image, and fails on a dirty tree", async () => {
    const commit = (await git("rev-parse", "HEAD")).slice(0, 7);
    // A new time alone is no change.
    await utimes(join(home.folder, "other.txt"), 1, 1);
    const built = await build("node/", "--release", "2.4.0");
    expect(built.exitCode).toBe(0);
    expect(built.stdout).toMatch(new RegExp(`node-main-${commit}\\.qcow2$`));
    const path = join(home.folder, "node/manifest.json");
    const { stdout } = await execa("jq", ["-r", ".builds[-1].artifact_id", path]);
    expect(stdout).toBe(`/srv/builds/node-main-${commit}.qcow2`);
    // The manifest is a new file of the directory now, which is not committed.
    const again = await build("node/", "--release", "2.4.0");
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toContain("?? node/manifest.json");

    await home.write({ "other.txt": "changed" });
    const refused = await build("node/", "--release", "2.4.0");
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toBe("");
    expect(refused.stderr).toBe(
      [
        " M other.txt",
        "build.sh requires a clean git state to run",
        "(to ignore this check, use --skip-commit, which will produce images with a -dirty suffix)",
      ].join("\n"),
    );
    const skipped = await build("node/", "--release", "2.4.0", "--skip-commit");
    expect(skipped.exitCode).toBe(0);
    expect(skipped.stdout).toMatch(/node-main-[0-9a-f]{7}-dirty\.qcow2$/);
  });
});
