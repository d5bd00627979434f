/** Files in an exFAT file system that real programs make, check and read. */
import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copyInto } from "../../../src/stick/copy.js";
import { ExfatWriter } from "../../../src/stick/exfat.js";

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** mkfs.exfat's clusters on a file system of less than 256 MiB, and of more. */
const CLUSTER = 4096;
const LARGE_CLUSTER = 32 * 1024;
const TIME = new Date("2026-02-03T04:05:06Z");
const env = { PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
const { signal } = new AbortController();

let folder: string;
let path: string;
let file: FileHandle;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "exfat-"));
  path = join(folder, "data.img");
  file = await open(path, "wx+");
});
afterEach(async () => {
  await file.close();
  await rm(folder, { recursive: true });
});

async function format(size: number): Promise<ExfatWriter> {
  await file.truncate(size);
  await execa("mkfs.exfat", ["-L", "CBDEPLOY", path], { env });
  return ExfatWriter.open(file, 0);
}

/** Checks the file system without a change; returns how many files it has. */
async function check(): Promise<number> {
  const { stdout } = await execa("fsck.exfat", ["-n", path], { env });
  return Number(/clean\. directories 1, files (\d+)$/m.exec(stdout)?.[1]);
}

/** Returns how many clusters the allocation bitmap has as used. */
async function usedClusters(): Promise<number> {
  const { stdout } = await execa("dump.exfat", [path], { env });
  const [total, free] = ["Total", "Free"].map((word) =>
    Number(new RegExp(`${word} Clusters:\\s+(\\d+)`).exec(stdout)?.[1]),
  );
  return (total ?? NaN) - (free ?? NaN);
}

/** Reads a part of a file with GRUB, whose exFAT is another implementation. */
async function read(name: string, from = 0, length = 0): Promise<Buffer> {
  const range = [`--skip=${from}`, `--length=${length}`];
  const { stdout } = await execa("grub-fstest", [...range, path, "cat", `(loop0)/${name}`], {
    encoding: "buffer",
    stripFinalNewline: false,
  });
  return Buffer.from(stdout);
}

describe("ExfatWriter", () => {
  it("adds files of every size and length of name, which other programs read", async () => {
    const writer = await format(64 * MIB);
    const before = await usedClusters();
    const sizes = [0, 1, CLUSTER - 1, CLUSTER, CLUSTER + 1, 3 * CLUSTER, 5 * MIB + 123];
    const names = ["a", "README.txt", "x".repeat(15), "y".repeat(16), "z".repeat(30)];
    names.push(
      "~'1!#$%&()+,-;=@[]^_`{}.qcow2",
      `${"a long name of an image ".repeat(10)}end.qcow2`,
    );
    const files = sizes.map((size, index) => [names[index] ?? "", randomBytes(size)] as const);
    for (const [name, content] of files) await writer.write(name, content, TIME);
    await writer.close();
    expect(await check()).toBe(files.length);
    const clusters = sizes.map((size) => Math.ceil(size / CLUSTER));
    expect((await usedClusters()) - before).toBe(clusters.reduce((sum, count) => sum + count));
    // GRUB refuses to read empty files.
    for (const [name, content] of files.slice(1)) {
      expect((await read(name)).equals(content)).toBe(true);
    }
  });

  it("adds a file above 4 GiB, up to the last cluster", async () => {
    const writer = await format(6 * GIB);
    const size = writer.free;
    const { offset } = writer.add("large.raw", size, TIME);
    await file.write("begin", offset);
    await file.write("end", offset + size - 3);
    await writer.close();
    expect(size).toBeGreaterThan(5 * GIB);
    expect(await check()).toBe(1);
    expect((await read("large.raw", 0, 5)).toString()).toBe("begin");
    expect(
      (await read("large.raw", size - LARGE_CLUSTER, LARGE_CLUSTER)).toString(
        "latin1",
        LARGE_CLUSTER - 3,
      ),
    ).toBe("end");
    const again = await ExfatWriter.open(file, 0);
    expect(again.free).toBe(0);
    expect(() => again.add("more", 1, TIME)).toThrow("has no room for more");
  });

  it("adds files until the folder is full, also after it was opened again", async () => {
    // A cluster has room for 128 entries, of which the new file system uses 3 and each file 3.
    const names = Array.from({ length: 41 }, (_, index) => `file-${index}`);
    let writer = await format(64 * MIB);
    for (const name of names) {
      await writer.write(name, Buffer.from(`content of ${name}`), TIME);
      if (name !== "file-0") continue;
      await writer.close();
      writer = await ExfatWriter.open(file, 0);
    }
    expect(() => writer.add("one more", 1, TIME)).toThrow("has too many files");
    await writer.close();
    expect(await check()).toBe(41);
    expect((await read("file-40")).toString()).toBe("content of file-40");
  });

  it("refuses what does not fit, and names that Windows does not allow", async () => {
    const writer = await format(64 * MIB);
    expect(() => writer.add("large", 65 * MIB, TIME)).toThrow("has no room for large");
    for (const name of ["a:b", "con?", "", ".", "ends with a dot.", "ü", "a/b", "x".repeat(256)]) {
      expect(() => writer.add(name, 1, TIME)).toThrow("cannot be named");
    }
    await writer.close();
    expect(await check()).toBe(0);
  });

  it("refuses a file system of another kind", async () => {
    await file.truncate(MIB);
    await expect(ExfatWriter.open(file, 0)).rejects.toThrow("has no boot sector");
  });
});

describe("copyInto", () => {
  it("leaves holes for zeros, and stops at the end of the source", async () => {
    const source = join(folder, "source");
    const content = Buffer.concat([Buffer.alloc(8 * MIB), Buffer.from("end")]);
    await writeFile(source, content);
    const target = await open(join(folder, "target"), "w+");
    const range = { offset: 4096, size: 9 * MIB };
    const { size, digests } = await copyInto(source, target, range, {
      signal,
      algorithms: ["md5"],
    });
    const { blocks } = await target.stat();
    await target.close();
    expect(size).toBe(content.length);
    for (const name of ["sha256", "md5"] as const) {
      expect(digests.get(name)).toBe(createHash(name).update(content).digest("hex"));
    }
    expect(blocks * 512).toBeLessThan(MIB);
    const written = await readFile(join(folder, "target"));
    expect(written.subarray(4096).equals(content)).toBe(true);
  });
});
