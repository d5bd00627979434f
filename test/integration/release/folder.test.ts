/** Releases in folders, and the commands on them. */
import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Of, writeArtifact } from "../../support/artifact.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
beforeEach(async () => {
  home = await makeCliHome();
});
afterEach(() => home[Symbol.asyncDispose]());

const content = "0123456789".repeat(1000);
const store = ["--store", "./store"];
const flat = (text: string): string => text.replaceAll(/\s+/g, " ");
const inStore = async (): Promise<string[]> =>
  (await readdir(join(home.folder, "store/latest"))).toSorted();

describe("vmbuild release and images with a folder", () => {
  it("uploads in parts, lists, downloads and removes", async () => {
    await writeArtifact(home, "small", content);
    const upload = ["release", "upload", "small", ...store, "--part-size", "4000"];
    const dry = await home.run(...upload);
    expect(dry.stdout).toContain("small: would be uploaded (9.7 KiB)");
    expect(dry.stdout).toContain("use --execute");
    expect(await readdir(home.folder)).not.toContain("store");
    const done = await home.run(...upload, "--execute", "--metadata");
    expect(done).toMatchObject({ exitCode: 0 });
    expect(done.stdout).toContain("Updated 1 of 1 image(s)");
    const names = ["json", "manifest.json", "partaa", "partab", "partac", "sha256"];
    expect(await inStore()).toEqual(names.map((end) => `small.qcow2.${end}`));
    expect((await home.run(...upload, "--execute", "--metadata")).stdout).toContain("unchanged");

    // As scripts join parts.
    const joined = "cat small.qcow2.part* >small.qcow2 && sha256sum -c small.qcow2.sha256";
    await execa("sh", ["-c", joined], { cwd: join(home.folder, "store/latest") });
    const both = await home.run("release", "check", "--all", ...store);
    expect(both.exitCode).toBe(9);
    expect(flat(both.stderr)).toContain("as a whole and in 3 part(s)");
    await home.run(...upload, "--force");
    expect(await inStore()).not.toContain("small.qcow2");

    const list = await home.run("images", "list", ...store);
    expect(list.stdout).toContain("small  1.0.0  9.7 KiB  3 files");
    const download = ["images", "download", "small", ...store, "--output", "in"];
    expect((await home.run(...download)).stdout).toContain("in/small.qcow2 created");
    expect(await readFile(join(home.folder, "in/small.qcow2"), "utf8")).toBe(content);
    await execa("sha256sum", ["-c", "small.qcow2.sha256"], { cwd: join(home.folder, "in") });
    expect((await home.run(...download)).stdout).toContain("unchanged");
    expect((await readdir(join(home.folder, "in"))).toSorted()).toEqual([
      "small.qcow2",
      "small.qcow2.sha256",
    ]);

    const tofu = await home.run("images", "tofu", "--all", ...store);
    expect(JSON.parse(tofu.stdout)).toMatchObject({
      images: { small: { file: "small.qcow2", sha256: sha256Of(content), urls: [] } },
    });
    expect((await home.run("release", "remove", "small", ...store)).stdout).toContain("would be");
    await home.run("release", "remove", "small", ...store, "--execute");
    expect(await inStore()).toEqual([]);
  });

  it("removes what consumers would take for a part of the image", async () => {
    await writeArtifact(home, "small", content);
    const upload = ["release", "upload", "small", ...store, "--part-size", "4000", "--execute"];
    await home.run(...upload);
    const names = await inStore();
    // Such as a download or an upload by another program that was cut.
    await writeFile(join(home.folder, "store/latest/small.qcow2.partac.tmp"), "cut");
    expect((await home.run("release", "check", "small", ...store)).exitCode).toBe(9);
    expect((await home.run(...upload)).stdout).toContain("Updated 1 of 1 image(s)");
    expect(await inStore()).toEqual(names);
    expect((await home.run("release", "check", "small", ...store)).exitCode).toBe(0);

    await writeFile(join(home.folder, "store/latest/small.qcow2.part"), "cut");
    await home.run("release", "remove", "small", ...store, "--execute");
    expect(await inStore()).toEqual([]);
  });

  it("finds altered contents, and does not download them", async () => {
    await writeArtifact(home, "small", content);
    await home.run("release", "upload", "small", ...store, "--execute");
    await writeFile(join(home.folder, "store/latest/small.qcow2"), content.replace("0", "1"));
    const verified = await home.run("release", "verify", "small", ...store);
    expect(verified.exitCode).toBe(9);
    await mkdir(join(home.folder, "in"));
    await writeFile(join(home.folder, "in/small.qcow2"), "before");
    const ended = await home.run("images", "download", "small", ...store, "--output", "in");
    expect(ended.exitCode).toBe(4);
    expect(flat(ended.stderr)).toContain("has the wrong sha256");
    expect(await readFile(join(home.folder, "in/small.qcow2"), "utf8")).toBe("before");
  });

  it("publishes images of a release to a folder, only where they differ", async () => {
    await writeArtifact(home, "small", content);
    await home.run("release", "upload", "small", ...store, "--execute");
    await mkdir(join(home.folder, "srv"));
    const publish = ["images", "publish", "--all", ...store, "--to", "srv/${name}.img"];
    expect((await home.run(...publish)).stdout).toContain("Updated 1 of 1 image(s)");
    const path = join(home.folder, "srv/small.img");
    expect(await readFile(path, "utf8")).toBe(content);
    const { ino } = await stat(path);
    expect((await home.run(...publish)).stdout).toContain("Updated 0 of 1 image(s)");
    expect((await stat(path)).ino).toBe(ino);
  });

  it.each([
    [["release", "upload", "small"], 2, "--store"],
    [["release", "upload", "small", ...store, "--part-size", "3G"], 2, "is not supported"],
    [["images", "list", ...store], 4, "There is no release"],
    [["images", "download", ...store], 2, "No image is named"],
  ])("refuses %j", async (args, exitCode, message) => {
    await writeArtifact(home, "small", content);
    const ended = await home.run(...args);
    expect(ended.exitCode).toBe(exitCode);
    expect(flat(ended.stderr)).toContain(message);
  });
});
