/** Files in an exFAT file system that real programs make and check. */
import { randomBytes } from "node:crypto";
import { mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { copyInto } from "../../../src/stick/copy.js";
import { ExfatWriter } from "../../../src/stick/exfat.js";

const MIB = 2 ** 20;
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
  await file.truncate(64 * MIB);
  await execa("mkfs.exfat", ["-L", "CBDEPLOY", path], { env });
});
afterEach(async () => {
  await file.close();
  await rm(folder, { recursive: true });
});

const check = async (): Promise<string> =>
  (await execa("fsck.exfat", ["-n", path], { env })).stdout;

describe("ExfatWriter", () => {
  it("adds files that a check finds in order", async () => {
    const writer = await ExfatWriter.open(file, 0);
    const content = randomBytes(5 * MIB + 123);
    const long = `${"a long name of an image ".repeat(8)}.qcow2`;
    await writer.write(long, content, TIME);
    await writer.write("empty.txt", Buffer.alloc(0), TIME);
    await writer.write("README.txt", Buffer.from("text\r\n"), TIME);
    await writer.close();
    expect(await check()).toMatch(/clean\. directories 1, files 3/);
    expect((await readFile(path)).includes(content)).toBe(true);
  });

  it("adds more files after it was opened again", async () => {
    for (const name of ["one", "two"]) {
      const writer = await ExfatWriter.open(file, 0);
      await writer.write(name, Buffer.from(name), TIME);
      await writer.close();
    }
    expect(await check()).toMatch(/files 2/);
  });

  it("refuses what does not fit, and names that Windows does not allow", async () => {
    const writer = await ExfatWriter.open(file, 0);
    expect(() => writer.add("large", 65 * MIB, TIME)).toThrow("has no room for large");
    for (const name of ["a:b", "con?", "", ".", "ends with a dot.", "ü", "a/b", "x".repeat(256)]) {
      expect(() => writer.add(name, 1, TIME)).toThrow("cannot be named");
    }
  });

  it("refuses a file system of another kind", async () => {
    await file.write(Buffer.alloc(512), 0, 512, 0);
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
    const { size, sha256 } = await copyInto(source, target, range, { signal });
    const { blocks } = await target.stat();
    await target.close();
    expect(size).toBe(content.length);
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(blocks * 512).toBeLessThan(MIB);
    const written = await readFile(join(folder, "target"));
    expect(written.subarray(4096).equals(content)).toBe(true);
  });
});
