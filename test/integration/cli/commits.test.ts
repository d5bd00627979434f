/** `vmbuild run` on templates in git work trees: names, refusals, and commits of the manifest. */
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { readWorkTree } from "../../../src/host/work-tree.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome, CliResult } from "../../support/cli.js";
import { createImageRepository } from "../../support/image-repository.js";

let home: CliHome;
let git: (...args: string[]) => Promise<string>;
/** Commit of the repository before each test. */
let first: string;
beforeAll(async () => {
  home = await makeCliHome();
  git = await createImageRepository(home);
  first = await git("rev-parse", "HEAD");
});
afterEach(async () => {
  await git("checkout", "--quiet", "--force", "-B", "main", first);
  await git("clean", "--quiet", "--force", "-d");
  await rm(join(home.folder, "output/node"), { recursive: true, force: true });
});
afterAll(() => home[Symbol.asyncDispose]());

const run = (...args: string[]): Promise<CliResult> =>
  home.run("run", "node/node.json", "--no-bases", ...args);

const manifest = async (): Promise<unknown> =>
  JSON.parse(await readFile(join(home.folder, "output/node/manifest.json"), "utf8"));

const jq = async (filter: string): Promise<string> =>
  (await execa("jq", ["-r", filter, join(home.folder, "manifest.json")])).stdout;

describe("vmbuild run --release", () => {
  it("names the image by branch and commit, records both, and commits the list of builds", async () => {
    await git("checkout", "--quiet", "-b", "feature/new#1");
    await home.write({ "notes.txt": "note" });
    const { exitCode, stdout, stderr } = await run("--release", "2.4.0", "--commit-manifest");
    expect(stderr).not.toContain("error");
    expect(exitCode).toBe(0);
    const name = `node-feature-new-1-${first.slice(0, 7)}.qcow2`;
    expect(stdout).toBe(join(home.folder, "output/node", name));
    expect(await manifest()).toMatchObject({
      release: "2.4.0",
      source: { branch: "feature/new#1", commit: first, dirty: false },
    });
    expect(await jq(".builds[-1].artifact_id")).toBe(`/srv/builds/${name}`);
    expect((await git("log", "-1", "--format=%B")).trim()).toBe(
      `Update manifest.json: /srv/builds/${name}\n\nnode: /srv/builds/${name}`,
    );
    expect(await git("show", "--name-only", "--format=")).toBe("manifest.json");
    expect(await git("status", "--porcelain")).toBe("?? notes.txt");
    expect(stderr).toContain("Committed manifest.json");
  });

  it("refuses changes and lists them, and builds from them with --skip-commit", async () => {
    await home.write({ "other.txt": "changed", "node/new.sh": "true", "elsewhere.txt": "new" });
    const refused = await run("--release", "2.4.0");
    expect(refused.exitCode).toBe(2);
    expect(refused.stdout).toBe("");
    expect(refused.stderr).toContain("has uncommitted changes [GIT_DIRTY]");
    expect(refused.stderr).toMatch(/ M other\.txt\n\s*\?\? node\/new\.sh\n/);
    expect(refused.stderr).not.toContain("elsewhere.txt");
    const built = await run("--release", "2.4.0", "--skip-commit");
    expect(built.exitCode).toBe(0);
    expect(built.stdout).toMatch(/node-main-[0-9a-f]{7}-dirty\.qcow2$/);
    expect(built.stderr).toContain(
      "The image is built from uncommitted changes: M other.txt, ?? node/new.sh",
    );
    expect(await manifest()).toMatchObject({
      source: { dirty: true, changes: [" M other.txt", "?? node/new.sh"] },
    });
    expect(await jq(".builds[-1].custom_data.release")).toBe("2.4.0");
  });

  it("does not take the image of another commit, which has the same name and content", async () => {
    const args = ["--release", "2.4.0", "--set", "output.filename=node.qcow2"];
    expect((await run(...args)).exitCode).toBe(0);
    await git("add", "manifest.json");
    await git("commit", "--quiet", "--message", "Third");
    const commit = await git("rev-parse", "HEAD");
    const explained = await run(...args, "--explain");
    expect(explained.stdout).toContain("manifest.json has another commit");
    expect((await run(...args)).exitCode).toBe(0);
    expect(await manifest()).toMatchObject({ source: { commit, dirty: false } });
  });

  it("requires that the template declares the variable", async () => {
    await home.write({ "plain.json": { name: "plain", base: { path: "x.qcow2" } } });
    const plain = await home.run("run", "plain.json", "--release", "1");
    expect(plain.exitCode).toBe(2);
    expect(plain.stderr).toContain('--release: the template declares no variable "release"');
  });
});

describe("a work tree", () => {
  const read = (environment = {}) =>
    readWorkTree(join(home.folder, "node"), [join(home.folder, "node/node.json")], environment);

  it("has a template that git ignores as a change", async () => {
    await git("rm", "--cached", "--quiet", "node/node.json");
    await home.write({ ".gitignore": "output/\nbase/\nnode/\n" });
    await git("add", ".gitignore");
    await git("commit", "--quiet", "--message", "Ignore it");
    expect(await read()).toMatchObject({ changes: [{ state: "??", path: "node/node.json" }] });
  });

  it("has the branch that a CI service names for its commit", async () => {
    await git("checkout", "--quiet", "--detach");
    expect(await read()).toMatchObject({ branch: "HEAD", changes: [] });
    const named = { GITHUB_SHA: first, GITHUB_HEAD_REF: "", GITHUB_REF_NAME: "topic" };
    expect(await read(named)).toMatchObject({ branch: "topic" });
    expect(await read({ ...named, GITHUB_SHA: "another" })).toMatchObject({ branch: "HEAD" });
  });
});

describe("vmbuild run --commit-manifest", () => {
  it("prints one JSON document when the manifest cannot be committed", async () => {
    const hook = join(home.folder, ".git/hooks/pre-commit");
    await writeFile(hook, "#!/bin/sh\necho not now >&2\nexit 1\n", { mode: 0o755 });
    try {
      const { exitCode, stdout, stderr } = await run("--commit-manifest", "--json");
      expect(JSON.parse(stdout)).toHaveProperty("artifact");
      expect(stderr).toContain("not now");
      expect(exitCode).not.toBe(0);
    } finally {
      await rm(hook);
    }
  });

  it("refuses before it builds what git could not commit", async () => {
    await home.write({ ".gitignore": "output/\nbase/\nmanifest.json\n" });
    const ignored = await run("--commit-manifest");
    expect(ignored.exitCode).toBe(3);
    expect(ignored.stderr).toMatch(/git ignores \S+manifest\.json/);
    expect(ignored.stdout).toBe("");
    const none = await home.run("run", "base/base.json", "--commit-manifest");
    expect(none.exitCode).toBe(2);
    expect(none.stderr).toContain("--commit-manifest: base has no manifest");
  });
});

describe("a template without a commit", () => {
  it("is refused where one is required, with what is missing", async () => {
    await using plain = await makeCliHome();
    const template = { name: "t", base: { path: "x" }, version: "${git.commit}" };
    await plain.write({ "t.json": { ...template, version: "1" }, "named.json": template });
    const required = await plain.run("run", "t.json", "--require-clean");
    expect(required.exitCode).toBe(3);
    expect(required.stderr).toContain("GIT_UNUSABLE");
    expect(required.stderr).toContain("not a git repository");
    await execa("git", ["init", "--quiet"], { cwd: plain.folder, env: plain.env });
    const named = await plain.run("validate", "named.json");
    expect(named.exitCode).toBe(2);
    expect(named.stderr).toMatch(
      /\$\{git\.commit\} has no value: the git repository \S+ has no commit yet/,
    );
  });
});
