/** Releases as GitHub's own client `gh` sees them, on the stand-in for GitHub. */
import { mkdir, readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { checkImages, listImages } from "../../../src/release/catalog.js";
import { downloadImages } from "../../../src/release/download.js";
import { uploadImages } from "../../../src/release/upload.js";
import { verifyImages } from "../../../src/release/verify.js";
import { startGithubServer } from "../../support/github-server.js";
import type { GithubServer } from "../../support/github-server.js";
import { createReleaseSandbox, hexOf, randomContent } from "../../support/release.js";
import type { ReleaseSandbox } from "../../support/release.js";

const { failed: noGh } = await execa("gh", ["--version"], { reject: false });
const PART = 100_000;
const place = { store: "github:owner/images" };

let server: GithubServer;
let box: ReleaseSandbox;
beforeEach(async () => {
  [server, box] = await Promise.all([startGithubServer(), createReleaseSandbox()]);
  vi.stubEnv("GITHUB_API_URL", server.origin);
  vi.stubEnv("GITHUB_TOKEN", "writer");
  // For this host, gh speaks HTTP, and takes GH_TOKEN as for github.com.
  await mkdir(join(box.folder, "gh"));
  await writeFile(join(box.folder, "gh", "config.yml"), `http_unix_socket: ${server.socket}\n`);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await server[Symbol.asyncDispose]();
  await box[Symbol.asyncDispose]();
});

/** Runs a command of gh in the folder of the test. */
function gh(args: readonly string[], token = "writer") {
  const env = {
    PATH: process.env["PATH"] ?? "/usr/bin:/bin",
    ...{ HOME: box.folder, GH_CONFIG_DIR: join(box.folder, "gh"), GH_NO_UPDATE_NOTIFIER: "1" },
    ...{ GH_HOST: "github.localhost", GH_REPO: "github.localhost/owner/images", GH_TOKEN: token },
  };
  return execa("gh", args, { cwd: box.folder, env, extendEnv: false, reject: false });
}

async function upload(content: Buffer): Promise<void> {
  const image = await box.image("demo", content);
  const options = { ...place, ...box.context, execute: true, partSize: PART };
  const [result] = await uploadImages([image], options);
  expect(result?.error).toBeUndefined();
}

/** Reads all files of a folder, in the order of their names. */
async function joined(folder: string, pattern: RegExp): Promise<Buffer> {
  const names = (await readdir(join(box.folder, folder))).filter((name) => pattern.test(name));
  const files = names.toSorted().map((name) => readFile(join(box.folder, folder, name)));
  return Buffer.concat(await Promise.all(files));
}

describe.skipIf(noGh)("gh (needs Debian's package gh)", () => {
  it("lists, shows and downloads what vmbuild has uploaded", async () => {
    const content = randomContent(3 * PART + 17);
    await upload(content);
    const list = await gh(["release", "list"]);
    expect(list.stderr).toBe("");
    expect(list.stdout).toMatch(/^latest\tPre-release\tlatest\t/);

    const view = await gh(["release", "view", "latest", "--json", "tagName,isPrerelease,assets"]);
    expect(view.stderr).toBe("");
    const shown = JSON.parse(view.stdout) as { assets: { name: string; size: number }[] };
    expect(shown).toMatchObject({ tagName: "latest", isPrerelease: true });
    const parts = ["aa", "ab", "ac", "ad"].map((end) => `demo.qcow2.part${end}`);
    const names = [...parts, "demo.qcow2.json", "demo.qcow2.sha256"];
    expect(shown.assets.map(({ name }) => name).toSorted()).toEqual(names.toSorted());
    const sizes = new Map(shown.assets.map(({ name, size }) => [name, size]));
    expect(parts.map((name) => sizes.get(name))).toEqual([PART, PART, PART, 17]);

    const download = await gh(["release", "download", "latest", "--dir", "in"]);
    expect(download.stderr).toBe("");
    expect((await readdir(join(box.folder, "in"))).toSorted()).toEqual(names.toSorted());
    expect(hexOf(await joined("in", /\.part/))).toBe(hexOf(content));
    const whole = await gh(["release", "download", "latest", "--pattern", "demo.qcow2"]);
    expect(whole.exitCode).toBe(1);
    expect(whole.stderr).toContain("no assets match the file pattern");
  });

  it("downloads the newer image once vmbuild has replaced it", async () => {
    await upload(randomContent(3 * PART));
    const content = randomContent(50);
    await upload(content);
    const { stderr } = await gh(["release", "download", "latest", "--dir", "in"]);
    expect(stderr).toBe("");
    expect(hexOf(await joined("in", /^demo\.qcow2$/))).toBe(hexOf(content));
    expect(await joined("in", /\.part/)).toHaveLength(0);
  });

  it("reads a private repository with a token only", async () => {
    await upload(randomContent(50));
    server.isPrivate = true;
    expect((await gh(["release", "download", "latest"], "reader")).stderr).toBe("");
    const refused = await gh(["release", "view", "latest"], "no-such-token");
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain("Bad credentials");
  });

  it("uploads what vmbuild lists, checks, downloads and replaces", async () => {
    await upload(randomContent(50));
    const content = randomContent(2 * PART + 5);
    await box.image("other", content);
    const folder = join(box.folder, "output", "other");
    const split = ["--bytes", String(PART), "other.qcow2", "other.qcow2.part"];
    await execa("split", split, { cwd: folder });
    const parts = ["aa", "ab", "ac"].map((end) => join(folder, `other.qcow2.part${end}`));
    const sums = join(folder, "other.qcow2.sha256");
    const { stdout: sum } = await execa("sha256sum", ["other.qcow2"], { cwd: folder });
    await writeFile(sums, `${sum}\n`);
    const uploaded = await gh(["release", "upload", "latest", ...parts, sums]);
    expect(uploaded).toMatchObject({ exitCode: 0, stderr: "" });

    const all = { ...place, ...box.context, names: [] };
    const listed = await listImages(all);
    expect(listed).toMatchObject([
      { name: "demo", image: { size: 50 } },
      { name: "other", image: { size: content.length, sha256: hexOf(content) } },
    ]);
    for (const entries of [listed, await checkImages(all), await verifyImages(all)]) {
      expect(entries.map(({ error }) => error)).toEqual([undefined, undefined]);
    }
    const into = { ...all, names: ["other"], folder: join(box.folder, "in") };
    expect((await downloadImages(into))[0]?.error).toBeUndefined();
    expect(hexOf(await box.read("in/other.qcow2"))).toBe(hexOf(content));

    // One part of another build, and then none: each is noticed.
    await writeFile(parts[1] ?? "", randomContent(PART));
    await gh(["release", "upload", "latest", "--clobber", parts[1] ?? ""]);
    expect((await verifyImages(all))[1]?.error?.code).toBe("RELEASE_INVALID");
    const removed = await gh(["release", "delete-asset", "latest", "other.qcow2.partab", "--yes"]);
    expect(removed.exitCode).toBe(0);
    expect((await checkImages(all))[1]?.error?.message).toContain("other.qcow2.partab is missing");

    const image = { ...(await box.image("other", content)), name: "other" };
    const options = { ...place, ...box.context, execute: true, partSize: PART };
    expect((await uploadImages([image], options))[0]?.uploaded).toEqual([
      ...["other.qcow2.partab", "other.qcow2.json"],
    ]);
    expect((await verifyImages(all)).map(({ error }) => error)).toEqual([undefined, undefined]);
  });

  it("cannot upload under a name that an upload of vmbuild has taken", async () => {
    await upload(randomContent(50));
    const { path } = await box.image("demo", randomContent(60));
    const taken = await gh(["release", "upload", "latest", path]);
    expect(taken.exitCode).toBe(1);
    expect(taken.stderr).toContain("demo.qcow2");
    expect(server.names()).toContain("demo.qcow2");
  });
});
