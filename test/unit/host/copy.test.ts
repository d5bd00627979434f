import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { childPath, displayName } from "../../../src/host/file-names.js";
import { copyTree } from "../../../src/host/copy.js";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-copy-"));
});
afterEach(() => rm(folder, { recursive: true }));

describe("copyTree", () => {
  it("keeps names that are not UTF-8, modes, times and links", async () => {
    const from = join(folder, "from");
    const odd = childPath(from, Buffer.from("caf\xe9", "latin1"));
    await mkdir(odd, { recursive: true });
    const inside = childPath(odd, Buffer.from("\xff\n", "latin1"));
    await writeFile(inside, "inside");
    await chmod(inside, 0o4750);
    await utimes(inside, 1000, 2000);
    await symlink(Buffer.from("caf\xe9", "latin1"), join(from, "link"));
    await symlink("/nowhere", join(from, "dangling"));
    await chmod(odd, 0o500);
    const to = join(folder, "a/b/to");
    await copyTree(from, to);
    await copyTree(join(from, "link"), join(folder, "link"));
    const copied = childPath(to, Buffer.from("caf\xe9", "latin1"));
    const file = childPath(copied, Buffer.from("\xff\n", "latin1"));
    const status = await stat(file);
    expect(await readFile(file, "utf8")).toBe("inside");
    expect([status.mode & 0o7777, status.mtimeMs]).toEqual([0o4750, 2_000_000]);
    expect((await lstat(copied)).mode & 0o7777).toBe(0o500);
    expect(await readlink(join(to, "dangling"))).toBe("/nowhere");
    const link = await readlink(join(to, "link"), { encoding: "latin1" });
    expect(link).toBe("caf\xe9");
    expect(await readlink(join(folder, "link"), { encoding: "latin1" })).toBe("caf\xe9");
    expect((await readdir(to, { encoding: "latin1" })).toSorted()).toEqual([
      "caf\xe9",
      "dangling",
      "link",
    ]);
    await chmod(odd, 0o700);
    await chmod(copied, 0o700);
  });

  it("fills an empty folder, and reports what does not exist", async () => {
    await mkdir(join(folder, "from"));
    await writeFile(join(folder, "from/file"), "x");
    await mkdir(join(folder, "to"));
    await copyTree(join(folder, "from"), join(folder, "to"));
    expect(await readdir(join(folder, "to"))).toEqual(["file"]);
    await expect(copyTree(join(folder, "none"), join(folder, "x"))).rejects.toThrow("ENOENT");
  });
});

describe("shownName", () => {
  it.each([
    [Buffer.from("plain ünï"), "plain ünï"],
    [Buffer.from("caf\xe9 \xff", "latin1"), "caf\\xe9 \\xff"],
  ])("%j", (bytes, text) => {
    expect(displayName(bytes)).toBe(text);
  });
});
