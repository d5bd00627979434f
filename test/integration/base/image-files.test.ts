/** Bases with backing files, created and used by real programs. */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { lstat, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { planSeed } from "../../../src/requirements/seed.js";
import { rootManifest } from "../../../src/run/checkpoints/manifests.js";
import { differencesOf } from "../../../src/checkpoints/manifest.js";
import { readIdentity } from "../../../src/checkpoints/trust.js";
import { parseQemuVersion } from "../../../src/machine/qemu-version.js";
import { loadTemplate } from "../../../src/template/load.js";
import { resolveBase } from "../../../src/base/base.js";
import { readImageFiles } from "../../../src/base/image-files.js";
import { pinBase } from "../../../src/base/pin.js";
import { VmbuildError } from "../../../src/errors.js";
import { noInstaller } from "../../support/no-installer.js";

const { signal } = new AbortController();
const LUKS = ["--object", "secret,id=s,data=abc"];
const LUKS_OPTIONS = "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10";

let folder: string;
const at = (name: string): string => join(folder, name);
const qemuImg = (...args: string[]): string =>
  execFileSync("qemu-img", args, { cwd: folder, encoding: "utf8" });
/** Creates an image by name; `more` are further arguments. */
function create(name: string, format: string, ...more: string[]): void {
  qemuImg("create", "-q", "-f", format, ...more, name, "4M");
}
function overlay(name: string, backing: string, format: string, ...more: string[]): void {
  create(name, "qcow2", "-b", backing, "-F", format, ...more);
}
function fill(name: string, format: string, value: number): void {
  execFileSync("qemu-io", ["-f", format, "-c", `write -P ${value} 0 64k`, at(name)]);
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-base-"));
  process.env["XDG_CACHE_HOME"] = at("cache");
});
afterEach(async () => {
  delete process.env["XDG_CACHE_HOME"];
  await rm(folder, { recursive: true });
});

const read = (name: string, mayUseOtherFiles = true) =>
  readImageFiles(at(name), { mayUseOtherFiles, signal });

/** Returns message and hint of an image that is refused. */
async function refusal(name: string, mayUseOtherFiles = true): Promise<string> {
  const error: unknown = await read(name, mayUseOtherFiles).then(
    () => new Error("it is accepted"),
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof VmbuildError)) throw error;
  expect(error.code).toBe("BASE_INVALID");
  return `${error.message}. ${error.hint}`.replaceAll(`${folder}/`, "");
}

describe("the files of an image", () => {
  it.each<[string, () => void | Promise<void>, string[]]>([
    ["none but itself", () => create("top.qcow2", "qcow2"), []],
    [
      "a backing file by a relative name",
      () => {
        create("parent.raw", "raw");
        overlay("top.qcow2", "parent.raw", "raw");
      },
      ["parent.raw"],
    ],
    [
      "a chain, with absolute names and with a colon",
      () => {
        create("./a:b.raw", "raw");
        overlay("middle.qcow2", at("a:b.raw"), "raw");
        overlay("top.qcow2", at("middle.qcow2"), "qcow2");
      },
      ["middle.qcow2", "a:b.raw"],
    ],
    [
      "a backing file that is a link to a link",
      async () => {
        create("real.raw", "raw");
        await symlink("real.raw", at("one"));
        await symlink("one", at("two"));
        overlay("top.qcow2", "two", "raw");
      },
      ["two"],
    ],
    [
      "a json: specification",
      () => {
        create("parent.raw", "raw");
        const spec = { driver: "raw", "file.driver": "file", "file.filename": at("parent.raw") };
        overlay("top.qcow2", `json:${JSON.stringify(spec)}`, "raw");
      },
      ["parent.raw"],
    ],
    [
      "a vmdk in parts",
      () => {
        create("disk.vmdk", "vmdk", "-o", "subformat=twoGbMaxExtentSparse");
        overlay("top.qcow2", "disk.vmdk", "vmdk");
      },
      ["disk.vmdk", "disk-s001.vmdk"],
    ],
    [
      "a data file by an absolute name",
      () => create("top.qcow2", "qcow2", "-o", `data_file=${at("data.raw")}`),
      ["data.raw"],
    ],
  ])("%s", async (_why, make, others) => {
    await make();
    const { otherFiles, format } = await read("top.qcow2");
    expect(otherFiles).toEqual(others.map(at));
    expect(format).toBe("qcow2");
  });

  it.each<[string, () => void | Promise<void>, RegExp]>([
    [
      "a backing file that is missing",
      () => overlay("top.qcow2", "gone.qcow2", "qcow2", "-u"),
      /^The image top\.qcow2 uses gone\.qcow2, which does not exist\. .*qemu-img rebase/,
    ],
    [
      "a backing file that is a folder",
      async () => {
        await mkdir(at("parent"));
        overlay("top.qcow2", "parent", "raw", "-u");
      },
      /uses parent, which is not a regular file/,
    ],
    [
      "a loop",
      () => {
        create("top.qcow2", "qcow2");
        overlay("other.qcow2", "top.qcow2", "qcow2");
        qemuImg("rebase", "-u", "-b", "other.qcow2", "-F", "qcow2", "top.qcow2");
      },
      /^The image top\.qcow2 is its own backing file: the backing files form a loop/,
    ],
    [
      "a relative name beside a link to the image",
      async () => {
        await mkdir(at("store"));
        create("store/parent.raw", "raw");
        overlay("store/top.qcow2", "parent.raw", "raw");
        await symlink("store/top.qcow2", at("top.qcow2"));
      },
      /uses parent\.raw, which does not exist\. top\.qcow2 is a symbolic link/,
    ],
    [
      "an address",
      () => overlay("top.qcow2", "nbd://192.0.2.1/x", "raw", "-u"),
      /has the backing file nbd:\/\/192\.0\.2\.1\/x, which is not a file on this host/,
    ],
    [
      "a json: specification of an address",
      () => {
        const spec = { driver: "raw", file: { driver: "http", filename: "/x" } };
        overlay("top.qcow2", `json:${JSON.stringify(spec)}`, "raw", "-u");
      },
      /which is not a file on this host/,
    ],
    [
      "a relative name in a json: specification",
      () => {
        create("parent.raw", "raw");
        const spec = { driver: "raw", file: { driver: "file", filename: "parent.raw" } };
        overlay("top.qcow2", `json:${JSON.stringify(spec)}`, "raw");
      },
      /a relative name that QEMU resolves in the current folder/,
    ],
    [
      "a data file by a relative name",
      () => create("top.qcow2", "qcow2", "-o", "data_file=data.raw"),
      /^The image top\.qcow2 keeps its data in data\.raw, a relative name/,
    ],
    [
      "an encrypted image",
      () => create("top.qcow2", "qcow2", ...LUKS, "-o", LUKS_OPTIONS),
      /^The image top\.qcow2 is encrypted\. Decrypt it/,
    ],
    [
      "a LUKS volume",
      () => create("top.qcow2", "luks", ...LUKS, "-o", "key-secret=s,iter-time=10"),
      /^The image top\.qcow2 is encrypted/,
    ],
    [
      "an encrypted image below",
      () => {
        create("parent.qcow2", "qcow2", ...LUKS, "-o", LUKS_OPTIONS);
        overlay("top.qcow2", "parent.qcow2", "qcow2", "-u");
      },
      /uses parent\.qcow2, which is encrypted/,
    ],
  ])("refuses %s", async (_why, make, message) => {
    await make();
    expect(await refusal("top.qcow2")).toMatch(message);
  });

  /** Runs `work` while another program has an image open with `flags`. */
  async function whileOpen<T>(flags: string[], name: string, work: () => Promise<T>): Promise<T> {
    const user = spawn("qemu-io", [...flags, "-f", "qcow2", at(name)]);
    try {
      await once(user.stdout, "data"); // The prompt shows that the image is open.
      return await work();
    } finally {
      user.kill();
      await once(user, "close");
    }
  }

  it("are refused while another program has one open for writing", async () => {
    create("top.qcow2", "qcow2");
    const message = await whileOpen([], "top.qcow2", () => refusal("top.qcow2"));
    expect(message).toMatch(/^The image top\.qcow2 is open for writing in another program\. Shut/);
    overlay("second.qcow2", "top.qcow2", "qcow2");
    const below = await whileOpen([], "top.qcow2", () => refusal("second.qcow2"));
    expect(below).toMatch(/uses top\.qcow2, which is open for writing in another program/);
  });

  it("may be read by other programs meanwhile", async () => {
    create("top.qcow2", "qcow2");
    const found = await whileOpen(["-r"], "top.qcow2", () => read("top.qcow2"));
    expect(found).toMatchObject({ otherFiles: [] });
  });

  it("are not allowed for an image that must be self-contained", async () => {
    create("parent.raw", "raw");
    overlay("top.qcow2", "parent.raw", "raw");
    expect(await refusal("top.qcow2", false)).toMatch(/refers to another file: parent\.raw/);
  });
});

describe("a base that lies on other files", () => {
  const resolve = () =>
    resolveBase(
      { path: "top.qcow2" },
      {
        emit: () => {},
        signal,
        offline: true,
        templateFolder: folder,
        findArtifact: () => Promise.reject(new Error("not asked for")),
        installer: noInstaller,
      },
    );

  beforeEach(() => {
    create("parent.raw", "raw");
    fill("parent.raw", "raw", 1);
    overlay("top.qcow2", "parent.raw", "raw");
  });

  it("is merged into one image with the same content, once", async () => {
    const base = await resolve();
    expect(base).toMatchObject({ kind: "path", origin: at("top.qcow2"), format: "qcow2" });
    expect(basename(base.path)).toBe("flattened.qcow2");
    expect(qemuImg("compare", base.path, "top.qcow2")).toContain("identical");
    expect(await read(base.path.slice(folder.length + 1), false)).toMatchObject({ otherFiles: [] });
    const { mtimeMs } = await lstat(base.path);
    expect(await resolve()).toEqual(base);
    expect((await lstat(base.path)).mtimeMs).toBe(mtimeMs);
  });

  it("is another base after any of the files changed", async () => {
    const before = await resolve();
    const content = await readFile(before.path);
    fill("parent.raw", "raw", 2);
    const after = await resolve();
    expect(after.digest).toBe(before.digest);
    expect(after.otherFiles).not.toEqual(before.otherFiles);
    expect(after.path).not.toBe(before.path);
    expect(qemuImg("compare", after.path, "top.qcow2")).toContain("identical");
    // Checkpoints of an earlier build still use the old content.
    expect(await readFile(before.path)).toEqual(content);
  });

  it("contributes each of its files to the key of every checkpoint", async () => {
    await writeFile(at("t.json"), JSON.stringify({ name: "t", base: { path: "top.qcow2" } }));
    const template = await loadTemplate(at("t.json"), { environment: {} });
    const qemu = parseQemuVersion("version 7.2.0");
    if (!qemu) throw new Error("no version");
    const host = { qemu, uefi: undefined, accelerator: "tcg" as const };
    const manifest = async () => {
      const base = await resolve();
      const baseIdentity = await readIdentity(base.path);
      const seed = planSeed(template, {});
      return rootManifest(
        template,
        { host, login: { user: "root" }, inputs: [], base, disks: [], seed, baseIdentity },
        signal,
      );
    };
    const before = await manifest();
    fill("parent.raw", "raw", 2);
    const changed = differencesOf(before, await manifest()).map(({ name }) => name);
    expect(changed).toEqual(["base file 2 (parent.raw)"]);
  });

  it("is another base after the backing file was replaced", async () => {
    const before = await resolve();
    create("new.raw", "raw");
    fill("new.raw", "raw", 3);
    await rename(at("new.raw"), at("parent.raw"));
    expect((await resolve()).path).not.toBe(before.path);
  });
});

describe("pinBase", () => {
  it("gives the image a second name, not the link that leads to it", async () => {
    await mkdir(at("images"));
    await writeFile(at("images/one"), "one");
    await symlink("images/one", at("base"));
    const pin = await pinBase(at("base"), at("pin"));
    expect((await lstat(pin)).isSymbolicLink()).toBe(false);
    await writeFile(at("images/two"), "two");
    await rename(at("images/two"), at("images/one"));
    expect(await readFile(pin, "utf8")).toBe("one");
  });
});
