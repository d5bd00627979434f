import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  readlink,
  stat,
  symlink,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Guest } from "../../../src/guest/guest.js";
import type { ActionContext } from "../../../src/steps/action.js";
import { download } from "../../../src/steps/download.js";
import { errorOf } from "../../support/inputs.js";
import { guestOf } from "../../support/guest-of.js";
import { startSshd } from "../../support/sshd.js";
import type { Sshd } from "../../support/sshd.js";

let sshd: Sshd;
let guest: Guest;
/**
 * Output folder of the run, the user's folder on the host, and a folder that represents the guest.
 */
let outputs: string;
let home: string;
let there: string;

beforeAll(async () => {
  sshd = await startSshd();
  guest = await guestOf(sshd);
});
afterAll(async () => {
  await sshd[Symbol.asyncDispose]();
});
beforeEach(async () => {
  const folder = await mkdtemp(join(sshd.folder, "test-"));
  [outputs, home, there] = [join(folder, "outputs"), join(folder, "home"), join(folder, "there")];
  for (const path of [home, join(there, "tree/deep"), join(home, "template")]) {
    await mkdir(path, { recursive: true });
  }
  await writeFile(join(there, "motd"), "hello");
  await writeFile(join(there, "tree/a"), "new a");
  await writeFile(join(there, "tree/deep/b"), "new b");
});

function run(action: object, more: Partial<ActionContext> = {}): Promise<void> {
  return download.run(download.schema.parse(action), {
    guest,
    templateFolder: join(home, "template"),
    outputFolder: outputs,
    ...more,
  } as ActionContext);
}

/** Returns the content of a folder by path; a folder has a trailing slash. */
async function contentOf(folder: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true });
  const pairs = await Promise.all(
    names.toSorted().map(async (name): Promise<[string, string][]> => {
      const path = join(folder, name);
      const status = await lstat(path);
      if (status.isSymbolicLink()) return [[name, `-> ${await readlink(path)}`]];
      return status.isDirectory() ? [] : [[name, await readFile(path, "utf8")]];
    }),
  );
  return Object.fromEntries(pairs.flat());
}

describe("a download into the output folder", () => {
  it("writes a file to the given name, or into a folder given with a slash", async () => {
    await run({ download: join(there, "motd"), to: "x/name" });
    await run({ download: join(there, "motd"), to: "sub/" });
    expect(await contentOf(outputs)).toEqual({ "x/name": "hello", "sub/motd": "hello" });
  });

  it("replaces a folder of an earlier attempt by the guest's present folder", async () => {
    await mkdir(join(outputs, "conf"), { recursive: true });
    await writeFile(join(outputs, "conf/stale"), "old");
    await run({ download: join(there, "tree"), to: "conf/" });
    expect(await contentOf(outputs)).toEqual({ "conf/a": "new a", "conf/deep/b": "new b" });
  });

  it.each([
    ["folder", "tree"],
    ["file", "motd"],
  ])("does not follow a link out of it with a %s", async (_, name) => {
    await mkdir(join(home, "precious/inside"), { recursive: true });
    await writeFile(join(home, "precious/inside/kept"), "kept");
    await mkdir(outputs, { recursive: true });
    await symlink(join(home, "precious"), join(outputs, "way"));
    const error = await errorOf(run({ download: join(there, name), to: "way/inside" }));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.message).toContain("in the output folder: way is not a folder");
    expect(await contentOf(join(home, "precious"))).toEqual({ "inside/kept": "kept" });
  });

  it("does not leave it when a library caller passes an invalid path", async () => {
    await writeFile(join(home, "kept"), "kept");
    for (const to of [home, "../home", "..", "."]) {
      const action = {
        download: join(there, "tree"),
        to,
        overwrite: false,
        facts: false,
        cache: false,
      };
      const context = { guest, templateFolder: home, outputFolder: outputs } as ActionContext;
      const error = await errorOf(download.run(action, context));
      expect(error.code).toBe("TEMPLATE_INVALID");
    }
    expect(await contentOf(home)).toEqual({ kept: "kept" });
  });

  it("refuses a folder whose destination is used by another download", async () => {
    const otherDownloads = [{ download: "/var/log/x.log", to: "logs/" }];
    const action = { download: join(there, "tree"), to: "logs/" };
    const error = await errorOf(run(action, { otherDownloads }));
    expect(error).toMatchObject({ code: "STEP_FAILED" });
    expect(error.message).toContain("also the destination of /var/log/x.log");
    await run({ download: join(there, "motd"), to: "logs/" }, { otherDownloads });
  });

  it("requires facts to be lines KEY=VALUE, and names the line that is not", async () => {
    const versions = join(there, "versions");
    await writeFile(versions, "DEBIAN_VERSION=12.13\nPVE_VERSION=\n");
    await run({ download: versions, to: "versions.txt", facts: true });
    await writeFile(versions, "DEBIAN_VERSION=12.13\nnot a fact\n");
    const error = await errorOf(run({ download: versions, to: "versions.txt", facts: true }));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.message).toBe(`${versions} has no facts: line 2 is not of the form KEY=VALUE`);
    const folder = { download: join(there, "tree"), to: "tree", facts: true };
    expect((await errorOf(run(folder))).message).toContain("it is a folder");
  });

  it("reports what conflicts with a file", async () => {
    await mkdir(join(outputs, "x/y"), { recursive: true });
    const error = await errorOf(run({ download: join(there, "motd"), to: "x" }));
    expect(error).toMatchObject({ code: "STEP_FAILED" });
    expect(error.message).toContain(`Cannot write ${join(outputs, "x")} on the host`);
    expect((await stat(join(outputs, "x/y"))).isDirectory()).toBe(true);
    expect(await readdir(outputs)).toEqual(["x"]);
  });
});

describe("a download to a path of the host", () => {
  it("is relative to the template, and creates parent folders", async () => {
    await run({ download: join(there, "motd"), hostPath: "../keys/motd.txt" });
    await run({ download: join(there, "motd"), hostPath: `${home}/into/` });
    await run({ download: join(there, "tree"), hostPath: "../tree" });
    expect(await contentOf(home)).toEqual({
      "keys/motd.txt": "hello",
      "into/motd": "hello",
      "tree/a": "new a",
      "tree/deep/b": "new b",
    });
    await expect(readdir(outputs)).rejects.toThrow("ENOENT");
  });

  it("replaces an existing file only on request, and retains its mode", async () => {
    const path = join(home, "secret");
    await writeFile(path, "old");
    await chmod(path, 0o600);
    const error = await errorOf(run({ download: join(there, "motd"), hostPath: path }));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.message).toContain(`${path} already exists on the host, with different content`);
    expect(error.hint).toContain('"overwrite": true');
    expect(await contentOf(home)).toEqual({ secret: "old" });
    await run({ download: join(there, "motd"), hostPath: path, overwrite: true });
    expect(await contentOf(home)).toEqual({ secret: "hello" });
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it("does not write a file with the same content", async () => {
    const path = join(home, "same");
    await writeFile(path, "hello");
    const before = await stat(path);
    await run({ download: join(there, "motd"), hostPath: path });
    expect((await stat(path)).ino).toBe(before.ino);
  });

  it("follows the user's link to a file", async () => {
    await writeFile(join(home, "real"), "old");
    await symlink("real", join(home, "link"));
    const action = { download: join(there, "motd"), hostPath: join(home, "link") };
    expect((await errorOf(run(action))).message).toContain("already exists");
    await run({ ...action, overwrite: true });
    expect(await contentOf(home)).toEqual({ link: "-> real", real: "hello" });
  });

  it.each([false, true])("never replaces a folder by a file; overwrite: %j", async (overwrite) => {
    await writeFile(join(home, "kept"), "kept");
    const action = { download: join(there, "motd"), hostPath: home, overwrite };
    const error = await errorOf(run(action));
    expect(error.message).toContain(`${home} is a folder on the host`);
    expect(await contentOf(home)).toEqual({ kept: "kept" });
  });

  it("adds to an existing folder, and removes nothing", async () => {
    await mkdir(join(home, "precious/deep"), { recursive: true });
    await writeFile(join(home, "precious/kept"), "kept");
    await writeFile(join(home, "precious/deep/kept"), "kept");
    for (const hostPath of ["../precious", "../precious/", join(home, "precious")]) {
      await run({ download: join(there, "tree"), hostPath });
    }
    expect(await contentOf(join(home, "precious"))).toEqual({
      a: "new a",
      "deep/b": "new b",
      "deep/kept": "kept",
      kept: "kept",
    });
  });

  it("changes nothing if a file of a folder would be replaced, unless requested", async () => {
    await mkdir(join(home, "precious/deep"), { recursive: true });
    await writeFile(join(home, "precious/deep/b"), "old b");
    const action = { download: join(there, "tree"), hostPath: "../precious" };
    const error = await errorOf(run(action));
    expect(error.code).toBe("STEP_FAILED");
    expect(error.lines).toEqual([`${home}/precious/deep/b exists with different content`]);
    expect(await contentOf(home)).toEqual({ "precious/deep/b": "old b" });
    await run({ ...action, overwrite: true });
    expect(await contentOf(home)).toEqual({ "precious/a": "new a", "precious/deep/b": "new b" });
  });

  it("never replaces a folder by a file, nor follows a link to a folder", async () => {
    await mkdir(join(home, "precious/a"), { recursive: true });
    await writeFile(join(home, "precious/a/kept"), "kept");
    await mkdir(join(home, "elsewhere"));
    await symlink("../elsewhere", join(home, "precious/deep"));
    const action = { download: join(there, "tree"), hostPath: "../precious", overwrite: true };
    const error = await errorOf(run(action));
    expect(error.lines.toSorted()).toEqual([
      `${home}/precious/a is a folder`,
      `${home}/precious/deep is not a folder`,
    ]);
    expect(await contentOf(home)).toEqual({
      "precious/a/kept": "kept",
      "precious/deep": "-> ../elsewhere",
    });
  });

  it("reports a path that is not writable", async () => {
    await writeFile(join(home, "file"), "");
    for (const name of ["motd", "tree"]) {
      const error = await errorOf(run({ download: join(there, name), hostPath: "../file/x" }));
      expect(error).toMatchObject({ code: "STEP_FAILED" });
      expect(error.message).toContain(`Cannot write ${home}/file/x on the host`);
    }
  });
});
