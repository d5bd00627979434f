/** `vmbuild publish` to folders of this host. */
import { mkdir, readFile, readdir, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { sha256Of, writeArtifact, writeRealArtifact } from "../../support/artifact.js";
import { makeCliHome } from "../../support/cli.js";
import type { CliHome } from "../../support/cli.js";

let home: CliHome;
let target: string;
beforeEach(async () => {
  home = await makeCliHome();
  target = join(home.folder, "srv");
  await mkdir(target);
});
afterEach(() => home[Symbol.asyncDispose]());

const read = (name: string): Promise<string> => readFile(join(target, name), "utf8");
/** Ends as text without line breaks of the terminal's width. */
const flat = (text: string): string => text.replaceAll(/\s+/g, " ");

describe("vmbuild publish", () => {
  it("places an image with its sum, and leaves equal content as it is", async () => {
    await writeArtifact(home, "small", "content");
    const first = await home.run("publish", "small", "--to", "srv/");
    expect(first).toMatchObject({ exitCode: 0 });
    expect(first.stdout).toBe(
      `small: ${target}/small-1.0.0.qcow2 created (7 B)\nUpdated 1 of 1 image(s)`,
    );
    const name = "small-1.0.0.qcow2";
    expect((await readdir(target)).toSorted()).toEqual([name, `${name}.sha256`]);
    await execa("sha256sum", ["-c", `${name}.sha256`], { cwd: target });
    const before = await stat(join(target, name));
    const second = await home.run("publish", "small", "--to", target);
    expect(second.stdout).toContain("unchanged");
    expect(second.stdout).toContain("Updated 0 of 1 image(s)");
    expect(second.exitCode).toBe(0);
    expect((await stat(join(target, name))).ino).toBe(before.ino);
  });

  it("compares content, not times, sizes or sums that were recorded", async () => {
    await writeArtifact(home, "small", "content");
    await home.run("publish", "small", "--to", "srv/image.img");
    await writeFile(join(target, "image.img"), "CONTENT");
    await writeFile(join(target, "image.img.sha256"), "wrong\n");
    const ended = await home.run("publish", "small", "--to", "srv/image.img");
    expect(ended.stdout).toContain("srv/image.img replaced");
    expect(await read("image.img")).toBe("content");
    expect(await read("image.img.sha256")).toBe(`${sha256Of("content")}  image.img\n`);
    await writeFile(join(target, "image.img.sha256"), "wrong\n");
    expect((await home.run("publish", "small", "--to", "srv/image.img")).stdout).toContain(
      "Updated 0 of 1",
    );
    expect(await read("image.img.sha256")).toContain(sha256Of("content"));
  });

  it("publishes all images, each under its own name", async () => {
    await writeArtifact(home, "one", "1");
    await writeArtifact(home, "two", "22");
    await home.write({ "appliances/three/three.json": { name: "three", base: { path: "x" } } });
    const to = join(target, "${name}-${version}.img");
    const ended = await home.run("publish", "--all", "--to", to);
    expect(ended.exitCode).toBe(0);
    expect(ended.stdout).toContain("Updated 2 of 2 image(s)");
    expect(ended.stderr).toContain("three has no finished image");
    expect(await read("one-1.0.0.img")).toBe("1");
    expect(await read("two-1.0.0.img")).toBe("22");
  });

  it("exits with 1 when there is no image at all", async () => {
    await mkdir(join(home.folder, "appliances"));
    const ended = await home.run("publish", "--all", "--to", target);
    expect(ended).toMatchObject({ exitCode: 1, stdout: "Updated 0 of 0 image(s)" });
  });

  it("changes nothing in a dry run", async () => {
    await writeArtifact(home, "small", "content");
    const ended = await home.run("publish", "small", "--to", "srv/", "--dry-run", "--json");
    expect(JSON.parse(ended.stdout)).toMatchObject({
      dryRun: true,
      updated: 1,
      total: 1,
      images: [{ name: "small", outcome: "created", sha256: sha256Of("content"), size: 7 }],
    });
    expect(await readdir(target)).toEqual([]);
  });

  it("converts to another compression, the same way each time", async () => {
    await writeRealArtifact(home, "real");
    const flags = ["--to", "srv/old.img", "--compression", "zlib"];
    expect((await home.run("publish", "real", ...flags)).exitCode).toBe(0);
    const { stdout } = await execa("qemu-img", ["info", join(target, "old.img")]);
    expect(stdout).toContain("compression type: zlib");
    expect((await home.run("publish", "real", ...flags)).stdout).toContain("Updated 0 of 1");
    const raw = await home.run("publish", "real", "--to", "srv/", "--format", "raw");
    expect(raw.stdout).toContain("srv/real-1.0.0.raw created");
    expect((await stat(join(target, "real-1.0.0.raw"))).size).toBe(2 ** 20);
    const left = await readdir(join(home.folder, "output/real"));
    expect(left.filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("publishes what it can, and exits with the first failure", async () => {
    await writeArtifact(home, "one", "1");
    await writeArtifact(home, "two", "22");
    await writeFile(join(home.folder, "output/one/one-1.0.0.qcow2"), "x");
    const to = join(target, "${name}.img");
    const ended = await home.run("publish", "one", "two", "--to", to);
    expect(ended.exitCode).toBe(9);
    expect(ended.stdout).toContain("Updated 1 of 2 image(s)");
    expect(flat(ended.stderr)).toContain("does not have its recorded sha256");
    expect((await readdir(target)).toSorted()).toEqual(["two.img", "two.img.sha256"]);
  });

  it("writes one after the other when two publish at once", async () => {
    await writeArtifact(home, "one", Buffer.alloc(8 * 2 ** 20, "1"));
    await writeArtifact(home, "two", Buffer.alloc(8 * 2 ** 20, "2"));
    const ended = await Promise.all(
      ["one", "two", "one", "two"].map((name) =>
        home.run("publish", name, "--to", "srv/image.img"),
      ),
    );
    expect(ended.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0, 0]);
    await execa("sha256sum", ["-c", "image.img.sha256"], { cwd: target });
    expect((await readdir(target)).toSorted()).toEqual(["image.img", "image.img.sha256"]);
  });

  it("does not replace a folder", async () => {
    await writeArtifact(home, "small", "content");
    await mkdir(join(target, "small-1.0.0.qcow2"));
    const ended = await home.run("publish", "small", "--to", "srv/");
    expect(ended.exitCode).toBe(9);
    expect(flat(ended.stderr)).toContain("A folder has the name");
    expect(await readdir(target)).toEqual(["small-1.0.0.qcow2"]);
  });

  it("follows a link to a folder", async () => {
    await writeArtifact(home, "small", "content");
    await symlink(target, join(home.folder, "link"));
    expect((await home.run("publish", "small", "--to", "link")).exitCode).toBe(0);
    expect(await read("small-1.0.0.qcow2")).toBe("content");
  });

  it.each([
    [["small", "--to", "nowhere/"], 9, "The folder", "does not exist"],
    [["small", "two", "--to", "srv/x.img"], 2, "is one file, for 2 images", "write ${name}"],
    [["small", "--to", "srv/${nam}.img"], 2, "${nam} is not ${name} or ${version}", ""],
    [["small", "--to", ""], 2, "is not a target", ""],
    [["--to", "srv/"], 2, "No image is named", ""],
    [["small", "--all", "--to", "srv/"], 2, "takes no names", ""],
    [["small", "--to", "srv/", "--format", "qcow3"], 2, "--format qcow3 is not supported", ""],
    [["small", "--to", "srv/", "--format", "raw", "--compression", "zlib"], 2, "supports none", ""],
    [["unbuilt", "--to", "srv/"], 4, "has no finished image", ""],
  ])("refuses %j", async (flags, exit, words, more) => {
    await writeArtifact(home, "small", "content");
    await writeArtifact(home, "two", "content");
    await home.write({
      "appliances/unbuilt/unbuilt.json": { name: "unbuilt", base: { path: "x" } },
    });
    const ended = await home.run("publish", ...flags);
    expect(ended.exitCode).toBe(exit);
    expect(flat(ended.stderr)).toContain(words);
    expect(flat(ended.stderr)).toContain(more);
    expect(await readdir(target)).toEqual([]);
  });
});

describe("vmbuild publish to a full disk", () => {
  const isRoot = process.getuid?.() === 0;
  it.skipIf(!isRoot)("says so, and leaves nothing", async (context) => {
    const options = ["-t", "tmpfs", "-o", "size=1m", "tmpfs", target];
    const mounted = await execa("mount", options, { reject: false });
    if (mounted.exitCode !== 0) return context.skip(); // Not permitted in this container.
    try {
      await writeArtifact(home, "big", Buffer.alloc(4 * 2 ** 20, "x"));
      const ended = await home.run("publish", "big", "--to", "srv/");
      expect(ended.exitCode).toBe(9);
      expect(flat(ended.stderr)).toContain("is full: 4 MiB are needed, 1 MiB are free");
      expect(await readdir(target)).toEqual([]);
    } finally {
      await execa("umount", [target]);
    }
  });
});
