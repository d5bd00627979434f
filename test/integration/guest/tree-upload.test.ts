/** Uploads of trees onto existing files, with each tar that guests have. */
import { execFileSync } from "node:child_process";
import { chmodSync } from "node:fs";
import {
  chmod,
  chown,
  lchown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  rm,
  symlink,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Guest } from "../../../src/guest/guest.js";
import { errorOf } from "../../support/inputs.js";
import { guestOf } from "../../support/guest-of.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

const isRoot = process.getuid?.() === 0;

/** Puts the programs of busybox, or those of the host, first in the search path. */
function toolsOf(folder: string, kind: "GNU" | "busybox"): string {
  if (kind === "busybox") execFileSync("busybox", ["--install", "-s", folder]);
  return `${folder}:/usr/sbin:/usr/bin:/sbin:/bin`;
}

/** Describes mode and owner, or the target of a link: `755 0:0`, `-> usr/lib`. */
async function describePath(path: string): Promise<string> {
  const status = await lstat(path);
  if (status.isSymbolicLink()) return `-> ${await readlink(path)}`;
  return `${(status.mode & 0o7777).toString(8)} ${status.uid}:${status.gid}`;
}

const me = `${process.getuid?.()}:${process.getgid?.()}`;

describe.each(["GNU", "busybox"] as const)("a tree for a guest with %s tar", (kind) => {
  let tools: string;
  let sshd: Sshd;
  let guest: Guest;
  /** Tree, and the folder that represents the guest's root. */
  let tree: string;
  let root: string;
  beforeAll(async () => {
    tools = await mkdtemp(join(tmpdir(), "vmbuild-tools-"));
    sshd = await startSshd({ configuration: [`SetEnv PATH=${toolsOf(tools, kind)}`] });
    guest = await guestOf(sshd);
  });
  afterAll(async () => {
    await sshd[Symbol.asyncDispose]();
    await rm(tools, { recursive: true });
  });
  beforeEach(async () => {
    tree = await mkdtemp(join(sshd.folder, "tree-"));
    root = await mkdtemp(join(sshd.folder, "root-"));
  });

  it("is unpacked by that tar", async () => {
    const version = await guest.ask("tar --version 2>&1 || true", "asking");
    expect(version.join(" ")).toContain(kind);
  });

  it("follows links to folders, and leaves them links", async () => {
    await mkdir(join(root, "usr/lib/deep"), { recursive: true });
    await symlink("usr/lib", join(root, "lib"));
    await symlink(join(root, "usr"), join(root, "absolute"));
    await writeFile(join(root, "usr/lib/old"), "old");
    await mkdir(join(tree, "lib/deep/new"), { recursive: true });
    await mkdir(join(tree, "absolute/bin"), { recursive: true });
    await writeFile(join(tree, "lib/file"), "file");
    await writeFile(join(tree, "lib/deep/file"), "deep");
    await writeFile(join(tree, "absolute/bin/tool"), "tool");
    await guest.upload(tree, root);
    expect(await describePath(join(root, "lib"))).toBe("-> usr/lib");
    expect(await describePath(join(root, "absolute"))).toBe(`-> ${join(root, "usr")}`);
    expect((await readdir(join(root, "usr/lib"))).toSorted()).toEqual(["deep", "file", "old"]);
    expect((await readdir(join(root, "usr/lib/deep"))).toSorted()).toEqual(["file", "new"]);
    expect(await readFile(join(root, "usr/bin/tool"), "utf8")).toBe("tool");
  });

  it("follows a link that is itself the destination", async () => {
    await mkdir(join(root, "real"));
    await symlink("real", join(root, "link"));
    await writeFile(join(tree, "file"), "x");
    for (const to of ["link", "link/"]) await guest.upload(tree, `${root}/${to}`);
    expect(await describePath(join(root, "link"))).toBe("-> real");
    expect(await readdir(join(root, "real"))).toEqual(["file"]);
  });

  it("keeps the mode of folders that are there, and sets that of new ones", async () => {
    const modes = { tmp: 0o1777, root: 0o700, "root/.ssh": 0o700, srv: 0o2775 };
    for (const [name, mode] of Object.entries(modes)) {
      await mkdir(join(root, name), { recursive: true });
      await chmod(join(root, name), mode);
      await mkdir(join(tree, name, "new"), { recursive: true });
      await chmod(join(tree, name, "new"), 0o711);
      await writeFile(join(tree, name, "file"), "x");
      await chmod(join(tree, name, "file"), 0o640);
      await chmod(join(tree, name), 0o755);
    }
    await chmod(root, 0o750);
    await guest.upload(tree, root);
    expect(await describePath(root)).toBe(`750 ${me}`);
    for (const [name, mode] of Object.entries(modes)) {
      const path = join(root, name);
      expect([name, await describePath(path)]).toEqual([name, `${mode.toString(8)} ${me}`]);
      expect(await describePath(join(path, "file"))).toBe(`640 ${me}`);
      expect((await describePath(join(path, "new"))).slice(-7 - me.length)).toContain("711");
    }
  });

  it.runIf(isRoot)("sets the owner of uploaded files only, and preserves their modes", async () => {
    await mkdir(join(root, "etc/app"), { recursive: true });
    await writeFile(join(root, "etc/app/old"), "old");
    await chown(join(root, "etc/app/old"), 7, 7);
    await symlink("nowhere", join(root, "etc/app/oldlink"));
    await lchown(join(root, "etc/app/oldlink"), 7, 7);
    await mkdir(join(tree, "etc/app/new"), { recursive: true });
    await writeFile(join(tree, "etc/app/tool"), "x");
    chmodSync(join(tree, "etc/app/tool"), 0o4755);
    await symlink("tool", join(tree, "etc/app/newlink"));
    await chmod(join(tree, "etc/app/new"), 0o750);
    await guest.upload(tree, root, { owner: "1000000:33" });
    expect(await describePath(root)).toBe("700 0:0");
    expect(await describePath(join(root, "etc"))).toBe("755 0:0");
    expect(await describePath(join(root, "etc/app"))).toBe("755 0:0");
    expect(await describePath(join(root, "etc/app/old"))).toBe("644 7:7");
    expect((await lstat(join(root, "etc/app/oldlink"))).uid).toBe(7);
    expect(await describePath(join(root, "etc/app/tool"))).toBe("4755 1000000:33");
    expect(await describePath(join(root, "etc/app/new"))).toBe("750 1000000:33");
    expect((await lstat(join(root, "etc/app/newlink"))).uid).toBe(1_000_000);
  });

  it.runIf(isRoot).each([
    ["www-data", /^644 33:0$/],
    ["www-data:www-data", /^644 33:33$/],
    ["www-data:", /^644 33:33$/],
    [":www-data", /^644 0:33$/],
    ["12:34", /^644 12:34$/],
  ])("takes the owner %s as chown does, for a new folder too", async (owner, expected) => {
    await writeFile(join(tree, "file"), "x");
    await guest.upload(tree, join(root, "made/here"), { owner });
    expect(await describePath(join(root, "made/here/file"))).toMatch(expected);
    expect(await describePath(join(root, "made/here"))).toMatch(
      new RegExp(expected.source.replace("644", "755")),
    );
    expect(await describePath(join(root, "made"))).toBe("755 0:0");
  });

  it("uploads nothing for an unknown owner", async () => {
    await writeFile(join(tree, "file"), "x");
    const error = await errorOf(guest.upload(tree, root, { owner: "nobody-like-this" }));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.message).toContain("Setting the owner nobody-like-this failed in the guest");
    expect(error.lines.join()).toContain("nobody-like-this");
    expect(await readdir(root)).toEqual([]);
  });

  it("does not replace a file, or a link that leads nowhere, by a folder", async () => {
    await writeFile(join(root, "file"), "kept");
    await symlink("nowhere", join(root, "link"));
    await mkdir(join(tree, "file"));
    await mkdir(join(tree, "link"));
    await writeFile(join(tree, "aaa"), "x");
    const error = await errorOf(guest.upload(tree, `${root}/`));
    expect(error).toMatchObject({
      code: "STEP_FAILED",
      lines: [`${root}/file`, `${root}/link`],
    });
    expect(error.message).toContain("has folders where the guest has files or links");
    expect((await readdir(root)).toSorted()).toEqual(["file", "link"]);
    expect(await readFile(join(root, "file"), "utf8")).toBe("kept");
  });

  it("does not replace a folder, even an empty one, by a file or a link", async () => {
    for (const name of ["empty", "deep/empty", "deep/other"]) {
      await mkdir(join(root, name), { recursive: true });
    }
    await mkdir(join(tree, "deep"));
    await symlink("/tmp", join(tree, "empty"));
    await symlink("/tmp", join(tree, "deep/empty"));
    await writeFile(join(tree, "deep/other"), "x");
    await writeFile(join(tree, "aaa"), "x");
    const error = await errorOf(guest.upload(tree, root));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.lines).toEqual([`${root}/deep/empty`, `${root}/deep/other`, `${root}/empty`]);
    expect((await readdir(root)).toSorted()).toEqual(["deep", "empty"]);
  });

  it("replaces files and links by those of the tree", async () => {
    await writeFile(join(root, "file"), "old");
    await writeFile(join(root, "target"), "kept");
    await symlink("target", join(root, "link"));
    await mkdir(join(root, "folder"));
    await symlink("folder", join(root, "way"));
    await writeFile(join(tree, "file"), "new");
    await symlink("/elsewhere/far", join(tree, "link"));
    await symlink("../up", join(tree, "way"));
    await guest.upload(tree, root);
    expect(await readFile(join(root, "file"), "utf8")).toBe("new");
    expect(await readFile(join(root, "target"), "utf8")).toBe("kept");
    expect(await describePath(join(root, "link"))).toBe("-> /elsewhere/far");
    expect(await describePath(join(root, "way"))).toBe("-> ../up");
  });

  it("preserves names of every kind and length", async () => {
    const names = [
      "plain",
      "two words",
      "it's",
      "-rf",
      "a\nb",
      "ünï",
      "n".repeat(255),
      "ü".repeat(120),
    ].map((name) => Buffer.from(name));
    names.push(Buffer.from("caf\xe9", "latin1"), Buffer.from("\xff\xfe'\x01", "latin1"));
    const at = (folder: string, ...parts: Buffer[]): Buffer =>
      Buffer.concat([Buffer.from(folder), ...parts.flatMap((part) => [Buffer.from("/"), part])]);
    for (const name of names) {
      await mkdir(at(tree, name));
      await mkdir(at(root, name));
      for (const inside of names) await writeFile(at(tree, name, inside), inside);
      await symlink(name, at(tree, name, Buffer.from("link")));
    }
    const before = await describePath(join(root, "plain"));
    await guest.upload(tree, root);
    const sorted = (list: Buffer[]): string[] =>
      list.map((name) => name.toString("hex")).toSorted();
    expect(sorted(await readdir(root, { encoding: "buffer" }))).toEqual(sorted(names));
    for (const name of names) {
      const found = await readdir(at(root, name), { encoding: "buffer" });
      expect(sorted(found)).toEqual(sorted([...names, Buffer.from("link")]));
      for (const inside of names) {
        expect((await readFile(at(root, name, inside))).equals(inside)).toBe(true);
      }
      const link = await readlink(at(root, name, Buffer.from("link")), { encoding: "buffer" });
      expect(link.equals(name)).toBe(true);
    }
    expect(await describePath(join(root, "plain"))).toBe(before);
    // The other direction.
    const back = join(sshd.folder, `back-${kind}`);
    await guest.download(root, back);
    for (const name of names) {
      const found = await readdir(at(back, name), { encoding: "buffer" });
      expect(sorted(found)).toEqual(sorted([...names, Buffer.from("link")]));
      const link = await readlink(at(back, name, Buffer.from("link")), { encoding: "buffer" });
      expect(link.equals(name)).toBe(true);
    }
  });
});
