import { createHash } from "node:crypto";
import {
  chmod,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { describeContent } from "../../../src/checkpoints/content.js";
import { explainDifferences } from "../../../src/checkpoints/explain.js";
import { keyOf } from "../../../src/checkpoints/manifest.js";
import { childPath } from "../../../src/host/file-names.js";
import { createRedact } from "../../../src/checkpoints/secrets.js";
import { StoredTexts } from "../../../src/checkpoints/store.js";

let folder: string;
let texts: StoredTexts;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-manifest-"));
  vi.stubEnv("XDG_STATE_HOME", join(folder, "state"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
  texts = new StoredTexts(join(folder, "texts"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const { signal } = new AbortController();
const describeTree = () =>
  describeContent(join(folder, "tree"), "tree", { signal, storeText: texts.store });

describe("a key", () => {
  it("does not depend on the order of names, but on everything else", () => {
    expect(keyOf("p", { a: "1", b: "2" })).toBe(keyOf("p", { b: "2", a: "1" }));
    const others = [keyOf("q", { a: "1" }), keyOf("p", { a: "2" }), keyOf("p", { b: "1" })];
    expect(new Set([...others, keyOf("p", { a: "1" })]).size).toBe(4);
  });
});

describe("the content of a tree", () => {
  beforeEach(async () => {
    await mkdir(join(folder, "tree/sub"), { recursive: true });
    await writeFile(join(folder, "tree/.hidden"), "one\ntwo\n");
    await writeFile(join(folder, "tree/sub/run.sh"), "echo\n", { mode: 0o755 });
    await symlink("run.sh", join(folder, "tree/sub/link"));
  });

  it("is its files' content, modes and links, dot files too", async () => {
    const manifest = await describeTree();
    expect(Object.keys(manifest).toSorted()).toEqual([
      "tree/",
      "tree/.hidden",
      "tree/sub",
      "tree/sub/link",
      "tree/sub/run.sh",
    ]);
    const hex = createHash("sha256").update("echo\n").digest("hex");
    expect(manifest["tree/sub/run.sh"]).toBe(`0755 sha256:${hex}`);
    expect(manifest["tree/sub/link"]).toBe("link to run.sh");
  });

  it("distinguishes names that are not UTF-8, and reads their content", async () => {
    const tree = join(folder, "tree");
    const odd = ["caf\xe9", "caf\xe8"].map((name) => Buffer.from(name, "latin1"));
    for (const name of odd) await writeFile(childPath(tree, name), name);
    await writeFile(join(tree, "caf\\xe9"), "text");
    const manifest = await describeTree();
    const sums = [...odd, "text"].map((text) => createHash("sha256").update(text).digest("hex"));
    expect(manifest).toMatchObject({
      "tree/caf\\xe9 (636166e9)": `0644 sha256:${sums[0]}`,
      "tree/caf\\xe8 (636166e8)": `0644 sha256:${sums[1]}`,
      "tree/caf\\xe9": `0644 sha256:${sums[2]}`,
    });
  });

  it("does not depend on time stamps, but on everything else", async () => {
    const first = await describeTree();
    await utimes(join(folder, "tree/.hidden"), 1, 1);
    expect(await describeTree()).toEqual(first);
    await chmod(join(folder, "tree/sub/run.sh"), 0o700);
    const mode = await describeTree();
    expect(await explainDifferences(first, mode, texts.path)).toBe(
      "tree/sub/run.sh changed (mode 0755 to 0700)",
    );
    await writeFile(join(folder, "tree/.hidden"), "one\n2\n3\n");
    expect(await explainDifferences(mode, await describeTree(), texts.path)).toBe(
      "tree/.hidden changed (2 lines)",
    );
    await writeFile(join(folder, "tree/new"), "");
    await rm(join(folder, "tree/sub/link"));
    const explanation = await explainDifferences(mode, await describeTree(), texts.path);
    expect(explanation).toContain("tree/new is new");
    expect(explanation).toContain("tree/sub/link was removed");
  });

  it("is a single digest where it has very many files", async () => {
    await mkdir(join(folder, "tree/many"));
    for (let index = 0; index < 250; index++) {
      await writeFile(join(folder, "tree/many", String(index)), String(index));
    }
    const manifest = await describeTree();
    expect(Object.keys(manifest)).toEqual(["tree/"]);
    await writeFile(join(folder, "tree/many/7"), "changed");
    expect(await describeTree()).not.toEqual(manifest);
  });

  it("is distinguished from a missing path", async () => {
    await rm(join(folder, "tree"), { recursive: true });
    expect(await describeTree()).toEqual({ tree: "not there" });
  });
});

describe("a secret", () => {
  it("affects the key, but cannot be read or guessed from the records", async () => {
    const one = (await createRedact(["hunter2", "hunter"]))("--password hunter2 hunter");
    expect(one).toMatch(/^--password <secret [0-9a-f]{24}> <secret [0-9a-f]{24}>$/);
    expect((await createRedact(["hunter2", "hunter"]))("--password hunter2 hunter")).toBe(one);
    expect((await createRedact(["other"]))("--password other")).not.toBe(one);
    // A plain hash could be found in a list of hashed passwords.
    expect(one).not.toContain(createHash("sha256").update("hunter2").digest("hex").slice(0, 24));
  });

  it("is hashed with a key that only its owner can read", async () => {
    await createRedact(["x"]);
    const path = join(folder, "state/vmbuild/secret.key");
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect((await readFile(path)).length).toBe(32);
  });

  it("that changed is named by its place, not by its value", async () => {
    const [first, second] = [await createRedact(["a-secret"]), await createRedact(["b-secret"])];
    const one = { "environment TOKEN": first("a-secret") };
    const other = { "environment TOKEN": second("b-secret") };
    expect(await explainDifferences(one, other, texts.path)).toBe(
      "a secret in environment TOKEN changed",
    );
  });

  it("creates no key where there is none", async () => {
    expect((await createRedact([""]))("text")).toBe("text");
    expect(await readdir(folder)).not.toContain("state");
  });
});
