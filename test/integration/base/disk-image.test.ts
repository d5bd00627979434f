import { randomBytes } from "node:crypto";
import {
  copyFile,
  mkdir,
  mkdtemp,
  readFile,
  readdir,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { resolveBase } from "../../../src/base/base.js";
import { readCaches } from "../../../src/builds/prune/caches.js";
import type { BaseContext } from "../../../src/base/kind.js";
import type { Base } from "../../../src/base/base.js";
import type { EventBody } from "../../../src/events/types.js";
import { imageInfo } from "../../../src/machine/disk.js";
import { startFileServer } from "../../support/http-server.js";
import type { FileServer } from "../../support/http-server.js";
import { convert, isSameDisk, makeDisk, MIB, tar } from "../../support/images.js";
import { errorOf, sha256Of } from "../../support/inputs.js";
import { noInstaller } from "../../support/no-installer.js";

let sharedFolder: string;
let raw: string;
let folder: string;
let server: FileServer;
let events: EventBody[];
const cacheHome = process.env["XDG_CACHE_HOME"];

beforeAll(async () => {
  sharedFolder = await mkdtemp(join(tmpdir(), "vmbuild-disk-"));
  raw = join(sharedFolder, "disk.raw");
  await makeDisk(raw);
});

afterAll(async () => {
  await rm(sharedFolder, { recursive: true, force: true });
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-base-"));
  server = await startFileServer();
  events = [];
  process.env["XDG_CACHE_HOME"] = join(folder, "cache");
});

afterEach(async () => {
  await server.close();
  if (cacheHome === undefined) delete process.env["XDG_CACHE_HOME"];
  else process.env["XDG_CACHE_HOME"] = cacheHome;
  await rm(folder, { recursive: true, force: true });
});

function context(changes: Partial<BaseContext> = {}): BaseContext {
  return {
    emit: (event) => events.push(event),
    signal: new AbortController().signal,
    offline: false,
    templateFolder: folder,
    findArtifact: () => Promise.reject(new Error("no artifact here")),
    installer: noInstaller,
    ...changes,
  };
}

const local = (path: string, changes: Partial<BaseContext> = {}): Promise<Base> =>
  resolveBase({ path }, context(changes));

/** Resolves the base, served by HTTP under the file's own name. */
async function served(path: string, name = path.slice(path.lastIndexOf("/") + 1)): Promise<Base> {
  const content = await readFile(path);
  const url = server.serve(`/${name}`, content);
  return resolveBase({ url, checksum: sha256Of(content) }, context());
}

async function leftovers(): Promise<string[]> {
  const all = await readdir(join(folder, "cache"), { recursive: true }).catch(() => []);
  return all.filter((path) => path.includes(".work-") || path.endsWith(".part"));
}

async function inFolder(name: string): Promise<string> {
  const path = join(folder, name);
  await copyFile(raw, path);
  return path;
}

describe("a packed disk", () => {
  const programs = ["gzip", "xz", "zstd", "bzip2", "lz4", "lzma"];

  it.each(programs)("by %s is unpacked once, regardless of its name", async (program) => {
    const path = await inFolder("a.img");
    await execa("bash", ["-c", `${program} -c <"${path}" >"${folder}/latest"`]);
    const base = await served(join(folder, "latest"));
    expect(base).toMatchObject({ format: "raw", virtualSize: 8 * MIB, kind: "url" });
    expect(base.digest).toBe(sha256Of(await readFile(join(folder, "latest"))));
    expect(await isSameDisk(base.path, raw)).toBe(true);
    const eventCount = events.length;
    const again = await served(join(folder, "latest"));
    expect(again.path).toBe(base.path);
    expect(events).toHaveLength(eventCount);
    expect(await leftovers()).toEqual([]);
  });

  it.each([
    ["tar.xz", ["--xz"]],
    ["tar.gz", ["--gzip"]],
    ["tar", []],
    ["ova", ["--format=ustar"]],
    ["tar.zst", ["--zstd"]],
    ["tar.bz2", ["--bzip2"]],
  ])("is taken out of a .%s", async (ending, options) => {
    await inFolder("disk.raw");
    await writeFile(join(folder, "README.txt"), "text");
    await writeFile(join(folder, "sha256.sums"), "text");
    const archive = await tar(
      folder,
      `a.${ending}`,
      options,
      "README.txt",
      "disk.raw",
      "sha256.sums",
    );
    const base = await served(archive);
    expect(base).toMatchObject({ format: "raw", virtualSize: 8 * MIB });
    expect(await isSameDisk(base.path, raw)).toBe(true);
    expect(await local(archive)).toMatchObject({ path: base.path, kind: "path" });
    const cached = (await readCaches()).filter(({ kind }) => kind === "base");
    expect(cached).toMatchObject([{ label: base.origin }]);
  });

  it("is extracted from GNU tar's sparse form, as used by Compute Engine", async () => {
    await inFolder("disk.raw");
    const archive = await tar(folder, "image.tar.gz", ["--format=oldgnu", "-S", "-z"], "disk.raw");
    const base = await served(archive);
    expect(await isSameDisk(base.path, raw)).toBe(true);
    expect((await stat(base.path)).blocks * 512).toBeLessThan(4 * MIB);
  });

  it("is extracted from a zip archive", async () => {
    await inFolder("my disk.img");
    await writeFile(join(folder, "notes.txt"), "text");
    await execa("zip", ["-q", "a.zip", "my disk.img", "notes.txt"], { cwd: folder });
    const base = await served(join(folder, "a.zip"), "download");
    expect(await isSameDisk(base.path, raw)).toBe(true);
  });

  it("may be compressed inside an archive, in another hypervisor's format", async () => {
    await convert(raw, join(folder, "disk.vmdk"), "vmdk", "-o", "subformat=streamOptimized");
    await writeFile(join(folder, "machine.ovf"), "<Envelope/>");
    const ova = await tar(folder, "m.ova", [], "machine.ovf", "disk.vmdk");
    const base = await local(ova);
    expect(base.format).toBe("qcow2");
    expect(await isSameDisk(base.path, raw)).toBe(true);
    await convert(raw, join(folder, "disk.qcow2"), "qcow2");
    await execa("xz", ["-q", join(folder, "disk.qcow2")]);
    await execa("zip", ["-q", "a.zip", "disk.qcow2.xz"], { cwd: folder });
    const nested = await local(join(folder, "a.zip"));
    expect(nested.format).toBe("qcow2");
    expect(await isSameDisk(nested.path, raw)).toBe(true);
  });

  it("may be several gzip members, followed by other data", async () => {
    const content = await readFile(raw);
    const halves = [content.subarray(0, 3 * MIB), content.subarray(3 * MIB)];
    const packed = await Promise.all(
      halves.map(async (input) => (await execa("gzip", { input, encoding: "buffer" })).stdout),
    );
    await writeFile(join(folder, "a.gz"), Buffer.concat([...packed, Buffer.from("trailing")]));
    expect(await isSameDisk((await local(join(folder, "a.gz"))).path, raw)).toBe(true);
  });

  it("is found by its content where several files are named like a disk", async () => {
    await inFolder("root.img");
    await writeFile(join(folder, "initrd.img"), randomBytes(4000));
    await writeFile(join(folder, "._root.img"), randomBytes(4000));
    const archive = await tar(folder, "a.tar", [], "initrd.img", "._root.img", "root.img");
    expect(await isSameDisk((await local(archive)).path, raw)).toBe(true);
    await copyFile(raw, join(folder, "payload"));
    const plain = await tar(folder, "b.tar", [], "initrd.img", "payload");
    expect(await isSameDisk((await local(plain)).path, raw)).toBe(true);
    await Promise.all(["a", "b"].map((name) => writeFile(join(folder, name), randomBytes(4000))));
    const error = await errorOf(local(await tar(folder, "c.tar", [], "a", "b")));
    expect(error).toMatchObject({ code: "BASE_INVALID", exitCode: 4 });
    expect(error.message).toBe(`The base ${folder}/c.tar is an archive with no disk image`);
    const alone = await errorOf(local(await tar(folder, "d.tar", [], "initrd.img")));
    expect(alone.message).toContain(`initrd.img in the base ${folder}/d.tar is data of an unknown`);
  });

  it("is never written to the place that its archive names", async () => {
    await mkdir(join(folder, "sub"));
    await inFolder("victim.raw");
    const archive = join(folder, "a.tar");
    await execa("tar", ["-c", "-P", "-f", archive, "--transform", "s,^,../../../,", "victim.raw"], {
      cwd: folder,
    });
    const base = await local(archive);
    expect(base.path.startsWith(join(folder, "cache"))).toBe(true);
    expect(await isSameDisk(base.path, raw)).toBe(true);
  });

  it("that is truncated is reported, and leaves nothing", async () => {
    await inFolder("disk.raw");
    const archive = await tar(folder, "a.tar.xz", ["--xz"], "disk.raw");
    await truncate(archive, 100_000);
    const error = await errorOf(local(archive));
    expect(error).toMatchObject({ code: "INPUT_UNPACK", exitCode: 4 });
    expect(error.message).toBe(`The base ${archive} could not be unpacked: xz failed with exit 1`);
    expect(error.lines.join("\n")).toContain("Unexpected end of input");
    await execa("zip", ["-q", "a.zip", "disk.raw"], { cwd: folder });
    await truncate(join(folder, "a.zip"), 100_000);
    expect(await errorOf(local(join(folder, "a.zip")))).toMatchObject({ code: "INPUT_UNPACK" });
    expect(await leftovers()).toEqual([]);
  });

  it("that is far larger than the machine's disk is not unpacked to its end", async () => {
    const path = join(folder, "bomb.zst");
    await execa("bash", ["-c", `head -c 1400M /dev/zero | zstd -1 -q >"${path}"`]);
    const error = await errorOf(local(path, { disk: 64 * MIB }));
    expect(error.code).toBe("BASE_TOO_LARGE");
    expect(error.message).toContain("unpacks to more than");
    expect(await leftovers()).toEqual([]);
  });
});

describe("another hypervisor's image", () => {
  it.each([
    ["vmdk", "vmdk", []],
    ["vmdk", "vmdk", ["-o", "subformat=streamOptimized"]],
    ["vhdx", "vhdx", []],
    ["vpc", "vhd", []],
    ["vpc", "vhd", ["-o", "subformat=fixed,force_size=on"]],
    ["vdi", "vdi", []],
    ["qcow", "qcow", []],
    ["qed", "qed", []],
    ["parallels", "hdd", []],
  ])("%s is converted once (%s, %j)", async (format, ending, options) => {
    const image = await convert(raw, join(folder, `a.${ending}`), format, ...options);
    const base = await served(image);
    expect(base).toMatchObject({ format: "qcow2", kind: "url" });
    expect((await imageInfo(base.path)).format).toBe("qcow2");
    expect(await isSameDisk(base.path, raw)).toBe(true);
    const converted = events.filter(({ type }) => type === "note").length;
    expect((await served(image)).path).toBe(base.path);
    expect(events.filter(({ type }) => type === "note")).toHaveLength(converted);
  });

  it("in several files is converted while all of them are there, and again when one changes", async () => {
    const descriptor = join(folder, "a.vmdk");
    await convert(raw, descriptor, "vmdk", "-o", "subformat=monolithicFlat");
    const base = await local(descriptor);
    expect(await isSameDisk(base.path, raw)).toBe(true);
    await writeFile(join(folder, "a-flat.vmdk"), await readFile(raw));
    const other = join(sharedFolder, "other.raw");
    await makeDisk(other);
    await copyFile(other, join(folder, "a-flat.vmdk"));
    const changed = await local(descriptor);
    expect(changed.digest).not.toBe(base.digest);
    expect(await isSameDisk(changed.path, other)).toBe(true);
    await rm(join(folder, "a-flat.vmdk"));
    const error = await errorOf(local(descriptor));
    expect(error).toMatchObject({ code: "BASE_INVALID", exitCode: 4 });
    expect(error.message).toBe(
      `The base ${descriptor} is a VMDK descriptor without its extents: ${folder}/a-flat.vmdk`,
    );
  });

  it("in several files is extracted from an archive", async () => {
    await convert(raw, join(folder, "a.vmdk"), "vmdk", "-o", "subformat=twoGbMaxExtentSparse");
    const archive = await tar(folder, "a.tar", [], "a.vmdk", "a-s001.vmdk");
    expect(await isSameDisk((await local(archive)).path, raw)).toBe(true);
  });

  it("that is downloaded may not name files of this host", async () => {
    await convert(raw, join(folder, "a.vmdk"), "vmdk", "-o", "subformat=monolithicFlat");
    const text = (await readFile(join(folder, "a.vmdk"), "utf8")).replace("a-flat.vmdk", raw);
    await writeFile(join(folder, "b.vmdk"), text);
    expect((await errorOf(served(join(folder, "b.vmdk")))).message).toContain(
      "is a VMDK descriptor without its extents: disk.raw",
    );
    // A sparse image without capacity contains an embedded descriptor.
    const image = await readFile(await convert(raw, join(folder, "c.vmdk"), "vmdk"));
    image.writeBigUInt64LE(0n, 12);
    image.fill(0, 512, 512 + 2048);
    image.write(text, 512);
    await writeFile(join(folder, "c.vmdk"), image);
    const error = await errorOf(served(join(folder, "c.vmdk")));
    expect(error.code).toBe("BASE_INVALID");
  });

  it("that is truncated is reported", async () => {
    const image = await convert(raw, join(folder, "a.vmdk"), "vmdk");
    await truncate(image, 200_000);
    const error = await errorOf(local(image));
    expect(error).toMatchObject({ code: "BASE_INVALID", exitCode: 4 });
    expect(error.message).toContain("is damaged or truncated");
  });
});

describe("a file that is no disk image", () => {
  const html = "<!DOCTYPE html>\n<html><body>Not found</body></html>\n";

  it.each([
    ["an empty file", Buffer.alloc(0), "is empty"],
    ["a page", Buffer.from(html), "is an HTML page"],
    ["zeros", Buffer.alloc(MIB), "is a file that begins with zeros"],
    ["noise", randomBytes(MIB).fill(0x5a, 0, 2000), "is data of an unknown kind"],
    ["text", Buffer.from("404: Not Found"), 'is a text file that begins with "404: Not Found"'],
  ])("%s is named", async (_, content, words) => {
    const path = join(folder, "base.qcow2");
    await writeFile(path, content);
    for (const base of [local(path), served(path)]) {
      const error = await errorOf(base);
      expect(error).toMatchObject({ code: "BASE_INVALID", exitCode: 4 });
      expect(error.message).toContain(words);
    }
  });

  it("in a compressed file or archive is reported too", async () => {
    await writeFile(join(folder, "page.img"), html);
    await execa("gzip", ["-k", join(folder, "page.img")]);
    expect((await errorOf(local(join(folder, "page.img.gz")))).message).toBe(
      `The content of the base ${folder}/page.img.gz is an HTML page`,
    );
    const archive = await tar(folder, "a.tar.gz", ["-z"], "page.img");
    expect((await errorOf(local(archive))).message).toBe(
      `page.img in the base ${archive} is an HTML page`,
    );
  });

  it("several disks in an archive are listed", async () => {
    await Promise.all([inFolder("one.img"), inFolder("two.img")]);
    const archive = await tar(folder, "a.tar", [], "one.img", "two.img");
    expect((await errorOf(local(archive))).message).toBe(
      `The base ${archive} is an archive with several disk images: one.img, two.img`,
    );
  });

  it("a CD is distinguished from a disk", async () => {
    await writeFile(join(folder, "file"), "x");
    const iso = join(folder, "a.iso");
    await execa("xorriso", ["-as", "mkisofs", "-quiet", "-o", iso, join(folder, "file")]);
    expect((await errorOf(local(iso))).message).toBe(`The base ${iso} is an ISO 9660 image`);
  });

  it("a folder is distinguished from a file", async () => {
    expect((await errorOf(local(folder))).message).toBe(`The base ${folder} is a folder`);
  });
});

describe("a truncated disk", () => {
  it("is detected from its tables if it is a qcow2 image", async () => {
    const image = await convert(raw, join(folder, "a.qcow2"), "qcow2");
    const { size } = await stat(image);
    await truncate(image, size - 100_000);
    const error = await errorOf(local(image));
    expect(error).toMatchObject({ code: "BASE_INVALID", exitCode: 4 });
    expect(error.message).toContain("is truncated: the file has");
    await truncate(image, 60);
    expect((await errorOf(local(image))).message).toContain("less than the header");
  });

  it("is detected from its partitions if it is raw", async () => {
    const path = await inFolder("a.img");
    await truncate(path, 4 * MIB);
    expect((await errorOf(local(path))).message).toBe(
      `The base ${path} is truncated: the file has 4 MiB, but the partitions or file system need 8 MiB`,
    );
    const gpt = join(folder, "gpt.img");
    await writeFile(gpt, "");
    await truncate(gpt, 16 * MIB);
    await execa("/usr/sbin/sfdisk", ["--quiet", gpt], {
      input: "label: gpt\nsize=4MiB\nsize=8MiB\n",
    });
    expect(await local(gpt)).toMatchObject({ format: "raw", path: gpt });
    await truncate(gpt, 10 * MIB);
    expect((await errorOf(local(gpt))).message).toContain("is truncated");
  });
});

describe("a disk that can be used", () => {
  it.each([
    ["compressed qcow2", "qcow2", ["-c"]],
    ["zstd qcow2", "qcow2", ["-c", "-o", "compression_type=zstd"]],
    ["qcow2 with small clusters", "qcow2", ["-o", "cluster_size=4096"]],
    ["old qcow2", "qcow2", ["-o", "compat=0.10"]],
    ["preallocated qcow2", "qcow2", ["-o", "preallocation=metadata"]],
    ["qcow2 with subclusters", "qcow2", ["-o", "extended_l2=on,cluster_size=128k"]],
    ["raw", "raw", []],
  ])("%s stays where it is", async (_, format, options) => {
    const image = await convert(raw, join(folder, "a.img"), format, ...options);
    expect(await local(image)).toMatchObject({ path: image, format });
  });

  it("may be a file system without partitions", async () => {
    const path = join(folder, "root.img");
    await writeFile(path, "");
    await truncate(path, 16 * MIB);
    await execa("/usr/sbin/mkfs.ext4", ["-q", path]);
    expect(await local(path)).toMatchObject({ path, format: "raw" });
    await truncate(path, 8 * MIB);
    expect((await errorOf(local(path))).message).toContain("is truncated");
  });
});
