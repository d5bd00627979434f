/** `vmbuild run` on templates in git work trees: names, refusals, and commits of the manifest. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { createImageRepository } from "../../support/image-repository.js";

let home: CliHome;
let git: (...args: string[]) => Promise<string>;
beforeEach(async () => {
  home = await makeCliHome();
  git = await createImageRepository(home);
});
afterEach(() => home[Symbol.asyncDispose]());

const run = (...args: string[]): Promise<CliResult> =>
  home.run("run", "node/node.json", "--no-bases", ...args);

describe("vmbuild run --release", () => {
  it("names the image by branch and commit, and records both", async () => {
    await git("checkout", "-b", "feature/new#1");
    const commit = await git("rev-parse", "HEAD");
    const { exitCode, stdout, stderr } = await run("--release", "2.4.0");
    expect(stderr).not.toContain("Error");
    expect(exitCode).toBe(0);
    const name = `node-feature-new-1-${commit.slice(0, 7)}.qcow2`;
    expect(stdout).toBe(join(home.folder, "output/node", name));
    const manifest: unknown = JSON.parse(
      await readFile(join(home.folder, "output/node/manifest.json"), "utf8"),
    );
    expect(manifest).toMatchObject({
      release: "2.4.0",
      source: { branch: "feature/new#1", commit, dirty: false },
    });
  });

  it("extends the manifest in Packer's form, which jq reads", async () => {
    await run("--release", "2.4.0");
    await home.write({ "other.txt": "changed" });
    await run("--release", "2.4.1", "--skip-commit");
    const commit = (await git("rev-parse", "HEAD")).slice(0, 7);
    const path = join(home.folder, "manifest.json");
    const { stdout } = await execa("jq", ["-r", ".builds[] | .artifact_id", path]);
    expect(stdout.split("\n")).toEqual([
      `/srv/builds/node-main-${commit}.qcow2`,
      `/srv/builds/node-main-${commit}-dirty.qcow2`,
    ]);
    const last = await execa("jq", ["-r", ".builds[-1].custom_data.release", path]);
    expect(last.stdout).toBe("2.4.1");
  });

  it("refuses changes of tracked files and new files of the template, and lists them", async () => {
    await home.write({ "other.txt": "changed", "node/new.sh": "true", "elsewhere.txt": "new" });
    const { exitCode, stderr, stdout } = await run("--release", "2.4.0");
    expect(exitCode).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).toContain("GIT_DIRTY");
    expect(stderr).toContain("has uncommitted changes");
    expect(stderr).toMatch(/ M other\.txt\n\s*\?\? node\/new\.sh\n/);
    expect(stderr).not.toContain("elsewhere.txt");
  });

  it("refuses a template that git ignores", async () => {
    await git("rm", "--cached", "--quiet", "node/node.json");
    await home.write({ ".gitignore": "output/\nbase/\nnode/\n" });
    await git("add", ".gitignore");
    await git("commit", "--quiet", "--message", "Ignore it");
    const { exitCode, stderr } = await run("--require-clean");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("?? node/node.json");
  });

  it("builds from changes with --skip-commit, and says which", async () => {
    await home.write({ "other.txt": "changed" });
    const { exitCode, stdout, stderr } = await run("--release", "2.4.0", "--skip-commit");
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/node-main-[0-9a-f]{7}-dirty\.qcow2$/);
    expect(stderr).toContain("The image is built from uncommitted changes:  M other.txt");
    const manifest = await readFile(join(home.folder, "output/node/manifest.json"), "utf8");
    expect(JSON.parse(manifest)).toMatchObject({
      source: { dirty: true, changes: [" M other.txt"] },
    });
  });

  it("refuses what is no release, and a template without the variable", async () => {
    for (const release of ["", "../x"]) {
      const { exitCode, stderr } = await run(`--release=${release}`);
      expect(exitCode).toBe(2);
      expect(stderr).toContain("is not the name of a release");
    }
    const base = { path: "x.qcow2" };
    await home.write({ "plain.json": { name: "plain", base } });
    const plain = await home.run("run", "plain.json", "--release", "1");
    expect(plain.exitCode).toBe(2);
    expect(plain.stderr).toContain('--release: the template declares no variable "release"');
  });
});

describe("vmbuild run --require-clean", () => {
  it("needs a repository with a commit, and says what is missing", async () => {
    await execa("rm", ["-r", join(home.folder, ".git")]);
    const plain = await home.run("run", "base/base.json", "--require-clean");
    expect(plain.exitCode).toBe(3);
    expect(plain.stderr).toContain("GIT_UNUSABLE");
    expect(plain.stderr).toContain("not a git repository");
    await git("init", "--quiet");
    const empty = await home.run("run", "base/base.json", "--require-clean");
    expect(empty.stderr).toContain("has no commit yet");
    const named = await home.run("validate", "node/node.json");
    expect(named.exitCode).toBe(2);
    expect(named.stderr).toContain("${git.branch} has no value: the git repository");
  });

  it("conflicts with --skip-commit", async () => {
    const { exitCode, stderr } = await run("--require-clean", "--skip-commit");
    expect(exitCode).toBe(2);
    expect(stderr).toContain("--skip-commit and --require-clean are mutually exclusive");
  });
});

describe("vmbuild run --commit-manifest", () => {
  it("commits the manifest alone, with the artifact in the message", async () => {
    const commit = (await git("rev-parse", "HEAD")).slice(0, 7);
    const { exitCode, stderr } = await run("--release", "2.4.0", "--commit-manifest");
    expect(exitCode).toBe(0);
    const id = `/srv/builds/node-main-${commit}.qcow2`;
    expect(await git("log", "-1", "--format=%s")).toBe(`Update manifest.json: ${id}`);
    expect(await git("log", "-1", "--format=%b")).toContain(`node: ${id}`);
    expect(await git("show", "--name-only", "--format=")).toBe("manifest.json");
    expect(await git("status", "--porcelain")).toBe("");
    expect(stderr).toContain("Committed manifest.json");
  });

  it("refuses before it builds what git could not commit", async () => {
    await home.write({ ".gitignore": "output/\nbase/\nmanifest.json\n" });
    await git("commit", "--quiet", "--all", "--message", "Ignore it");
    const ignored = await run("--commit-manifest");
    expect(ignored.exitCode).toBe(3);
    expect(ignored.stderr).toMatch(/git ignores \S+manifest\.json/);
    expect(ignored.stdout).toBe("");
    const none = await home.run("run", "base/base.json", "--commit-manifest");
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain("--commit-manifest: base has no manifest");
  });
});
