import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { childPath } from "../../../src/host/file-names.js";
import { inputLocation, resolveInput } from "../../../src/inputs/inputs.js";
import type { GitSpec } from "../../../src/inputs/inputs.js";
import { createInputsSandbox, errorOf } from "../../support/inputs.js";
import type { InputsSandbox } from "../../support/inputs.js";

let sandbox: InputsSandbox;
let repository: string;
let url: string;

async function git(...args: string[]): Promise<string> {
  const identity = ["-c", "user.name=Test", "-c", "user.email=test@localhost"];
  const all = [...identity, "-c", "protocol.file.allow=always", "-C", repository, ...args];
  return (await execa("git", all)).stdout;
}

async function commit(content: string): Promise<string> {
  await writeFile(join(repository, "file"), content);
  await git("add", ".");
  await git("commit", "--quiet", "--message", content);
  return git("rev-parse", "HEAD");
}

function spec(ref: string, more: Partial<GitSpec> = {}): GitSpec {
  return { kind: "git", url, ref, ...more };
}

beforeEach(async () => {
  sandbox = await createInputsSandbox();
  repository = join(sandbox.folder, "repository");
  url = pathToFileURL(repository).href;
  await mkdir(repository);
  await git("init", "--quiet", "--initial-branch", "main");
});

afterEach(async () => {
  await sandbox[Symbol.asyncDispose]();
});

describe("a git tree", () => {
  it("preserves names that are not UTF-8, and has no history below such a folder", async () => {
    const name = Buffer.from("caf\xe9", "latin1");
    const at = (folder: string, ...parts: Buffer[]): Buffer =>
      parts.reduce<Buffer>((path, part) => childPath(path, part), Buffer.from(folder));
    await mkdir(at(repository, name));
    await writeFile(at(repository, name, name), "content");
    await commit("one");
    const { path } = await resolveInput("tools", spec("main"), sandbox.context());
    const found = await readdir(path, { encoding: "buffer" });
    expect(found.map((one) => one.toString("latin1")).toSorted()).toEqual(["caf\xe9", "file"]);
    expect(await readFile(at(path, name, name), "utf8")).toBe("content");
  });

  it("of a tag is the tagged commit's files alone", async () => {
    const tagged = await commit("one");
    await git("tag", "--annotate", "v1", "--message", "v1");
    await commit("two");
    const resolved = await resolveInput("tools", spec("v1"), sandbox.context());
    expect(resolved).toEqual({
      name: "tools",
      path: inputLocation(spec("v1"), sandbox.cacheFolder),
      origin: url,
      commit: tagged,
      fromCache: false,
    });
    expect(await readdir(resolved.path)).toEqual(["file"]);
    expect(await readFile(join(resolved.path, "file"), "utf8")).toBe("one");
    expect((await resolveInput("tools", spec("v1"), sandbox.context())).fromCache).toBe(true);
  });

  it("of a branch follows the branch", async () => {
    await commit("one");
    const first = await resolveInput("x", spec("main"), sandbox.context());
    expect((await resolveInput("x", spec("main"), sandbox.context())).fromCache).toBe(true);
    const moved = await commit("two");
    const offline = await resolveInput("x", spec("main"), sandbox.context({ offline: true }));
    expect(offline.commit).toBe(first.commit);
    const second = await resolveInput("x", spec("main"), sandbox.context());
    expect(second).toMatchObject({ commit: moved, fromCache: false, path: first.path });
    expect(await readFile(join(second.path, "file"), "utf8")).toBe("two");
    expect((await sandbox.cached()).filter((path) => path.endsWith(".part"))).toEqual([]);
  });

  it("of a commit is fetched once, and later found in the cache", async () => {
    const old = await commit("one");
    await commit("two");
    const resolved = await resolveInput("x", spec(old), sandbox.context());
    expect(await readFile(join(resolved.path, "file"), "utf8")).toBe("one");
    await git("update-ref", "-d", "HEAD");
    expect((await resolveInput("x", spec(old), sandbox.context())).fromCache).toBe(true);
  });

  it("of a shortened commit id requires a full fetch", async () => {
    const old = await commit("one");
    await commit("two");
    const resolved = await resolveInput("x", spec(old.slice(0, 8)), sandbox.context());
    expect(resolved.commit).toBe(old);
    const again = await resolveInput("x", spec(old.slice(0, 8)), sandbox.context());
    expect(again.fromCache).toBe(true);
  });

  it("contains its submodules if requested", async () => {
    await commit("inner");
    await execa("git", [
      "clone",
      "--quiet",
      "--bare",
      repository,
      join(sandbox.folder, "inner.git"),
    ]);
    await git("submodule", "--quiet", "add", join(sandbox.folder, "inner.git"), "sub");
    await git("commit", "--quiet", "--message", "sub");
    const bare = await resolveInput("x", spec("main"), sandbox.context());
    expect(await readdir(join(bare.path, "sub"))).toEqual([]);
    const full = await resolveInput("x", spec("main", { submodules: true }), sandbox.context());
    expect(await readdir(join(full.path, "sub"))).toEqual(["file"]);
    expect(full.path).not.toBe(bare.path);
  });

  it("keeps modes and links", async () => {
    await writeFile(join(repository, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
    await execa("ln", ["-s", "run.sh", join(repository, "link")]);
    await commit("one");
    const { path } = await resolveInput("x", spec("main"), sandbox.context());
    const { stdout } = await execa("stat", ["-c", "%A", join(path, "run.sh"), join(path, "link")]);
    expect(stdout).toMatch(/^-rwx\S+x\nl/);
  });

  it("is fetched once by two concurrent runs", async () => {
    const head = await commit("one");
    const results = await Promise.all([
      resolveInput("x", spec(head), sandbox.context()),
      resolveInput("y", spec(head), sandbox.context()),
    ]);
    expect(results.map(({ fromCache }) => String(fromCache)).toSorted()).toEqual(["false", "true"]);
  });
});

describe("a git tree that cannot be fetched", () => {
  it("fails with git's error, and nothing in the cache", async () => {
    await commit("one");
    const error = await errorOf(resolveInput("x", spec("v9"), sandbox.context()));
    expect(error.code).toBe("INPUT_GIT");
    expect(error.message).toBe(
      `git could not fetch v9 from ${url}: fatal: couldn't find remote ref v9`,
    );
    expect(await sandbox.cached()).toEqual([]);
  });

  it("names a commit that does not exist", async () => {
    await commit("one");
    const ref = "0123456789012345678901234567890123456789";
    const error = await errorOf(resolveInput("x", spec(ref), sandbox.context()));
    expect(error.code).toBe("INPUT_GIT");
    expect(error.message).toContain(ref);
  });

  it("names a repository that does not exist", async () => {
    const missing = `${url}-none`;
    const error = await errorOf(
      resolveInput("x", spec("main", { url: missing }), sandbox.context()),
    );
    expect(error.code).toBe("INPUT_GIT");
    expect(error.lines.join("\n")).toContain("does not appear to be a git repository");
  });

  it.each(["--upload-pack=touch /tmp/x", "a:b", "a..b", "main~1", "two words", ""])(
    "refuses the ref %j",
    async (ref) => {
      const error = await errorOf(resolveInput("x", spec(ref), sandbox.context()));
      expect(error.message).toBe(`${JSON.stringify(ref)} is not a valid git ref`);
    },
  );

  it.each(["--upload-pack=touch /tmp/x", "ext::sh -c true"])(
    "refuses the address %j",
    async (bad) => {
      const error = await errorOf(resolveInput("x", spec("main", { url: bad }), sandbox.context()));
      expect(error.code).toBe("INPUT_GIT");
    },
  );

  it("is an error when offline", async () => {
    const context = sandbox.context({ offline: true });
    expect((await errorOf(resolveInput("x", spec("main"), context))).code).toBe("INPUT_DOWNLOAD");
  });
});
