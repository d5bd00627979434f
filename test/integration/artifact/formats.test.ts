/** Formats that are a single disk image: written, checked, and compared with the machine's disk. */
import { spawnSync } from "node:child_process";
import { readFile, readdir, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { compact } from "../../../src/artifact/compact.js";
import { readImageFiles } from "../../../src/base/image-files.js";
import type { EventBody } from "../../../src/events/types.js";
import { createOverlay } from "../../../src/machine/disk.js";
import { DISK, progressOf, run, useFormatTest } from "../../support/formats.js";
import { MIB } from "../../support/images.js";

const test = useFormatTest();

describe("a single disk image", () => {
  it.each([
    ["vmdk", undefined, "vmdk", "monolithicSparse"],
    ["vmdk", "streamOptimized", "vmdk", "streamOptimized"],
    ["vhdx", undefined, "vhdx", undefined],
    ["vdi", undefined, "vdi", undefined],
  ] as const)("%s %s passes qemu-img's check and has the content", async (...row) => {
    const [format, subformat, driver, createType] = row;
    const chosen = test.options({ format, subformat });
    const image = await compact(chosen);
    const path = chosen.destination;
    expect(run("qemu-img", "check", "-f", driver, path)).toContain("No errors were found");
    test.requireSame(path, driver);
    expect(image).toEqual({ size: (await stat(path)).size, virtualSize: DISK });
    const info = JSON.parse(run("qemu-img", "info", "--output=json", path)) as {
      format: string;
      "format-specific"?: { data: { "create-type"?: string } };
    };
    expect(info.format).toBe(driver);
    expect(info["format-specific"]?.data["create-type"]).toBe(createType);
    expect(await readdir(test.folder)).toEqual([".image.0123abcd.part"]);
  });

  it.each([
    ["vmdk", "monolithicSparse"],
    ["vmdk", "streamOptimized"],
    ["vhdx", undefined],
    ["vdi", undefined],
  ] as const)("%s %s is what a machine's overlay can be based on", async (format, subformat) => {
    const chosen = test.options({ format, subformat });
    await compact(chosen);
    const backing = chosen.destination;
    const { signal } = chosen;
    const info = await readImageFiles(backing, { mayUseOtherFiles: true, signal });
    expect(info.format).toBe(format);
    const path = join(test.folder, "overlay.qcow2");
    await createOverlay({ path, backing, backingFormat: info.format });
    test.requireSame(path, "qcow2");
  });

  it("vmdk records its final name", async () => {
    const chosen = test.options({ format: "vmdk", filename: 'a "b".vmdk' });
    await compact(chosen);
    const text = (await readFile(chosen.destination)).toString("latin1", 0, 4096);
    expect(/^RW \d+ SPARSE "(.*)"$/m.exec(text)?.[1]).toBe("a__b_.vmdk");
  });

  it("vmdk records its name after unpacking", async () => {
    const chosen = test.options({ format: "vmdk", pack: "gz", filename: "a.vmdk.gz" });
    await compact(chosen);
    const input = await readFile(chosen.destination);
    const { stdout } = spawnSync("gzip", ["-dc"], { input, maxBuffer: 64 * MIB });
    expect(/^RW .*"(.*)"$/m.exec(stdout.toString("latin1", 0, 4096))?.[1]).toBe("a.vmdk");
  });

  it("vhd is fixed, and its disk is a whole number of MiB", async () => {
    const chosen = test.options({ format: "vhd" });
    const image = await compact(chosen);
    const bytes = await readFile(chosen.destination);
    // The data, and the footer of 512 bytes.
    expect(image).toEqual({ size: 10 * MIB + 512, virtualSize: 10 * MIB });
    expect(bytes).toHaveLength(10 * MIB + 512);
    const footer = bytes.subarray(10 * MIB);
    expect(footer.toString("latin1", 0, 8)).toBe("conectix");
    expect(footer.readBigUInt64BE(48)).toBe(BigInt(10 * MIB));
    // 2: a fixed disk.
    expect(footer.readUInt32BE(60)).toBe(2);
    test.requireSame(chosen.destination, "vpc");
    const info = run("qemu-img", "info", "-f", "vpc", chosen.destination);
    expect(info).toContain(`(${10 * MIB} bytes)`);
  });

  it.each([
    ["xz", "xz"],
    ["zst", "zstd"],
    ["gz", "gzip"],
  ] as const)("packed as %s is what %s unpacks", async (pack, program) => {
    const events: EventBody[] = [];
    const emit = (event: EventBody): unknown => events.push(event);
    const chosen = test.options({ format: "raw", compression: undefined, pack, emit });
    const image = await compact(chosen);
    const packed = await readFile(chosen.destination);
    expect(image).toEqual({ size: packed.length, virtualSize: DISK });
    const unpacked = spawnSync(program, ["-dc"], { input: packed, maxBuffer: 64 * MIB }).stdout;
    await writeFile(join(test.folder, "unpacked"), unpacked);
    test.requireSame(join(test.folder, "unpacked"), "raw");
    const last = progressOf(events, "pack").at(-1);
    expect(last).toMatchObject({ done: DISK, total: DISK, unit: "bytes" });
  });

  it("packed as qcow2 is not compressed twice", async () => {
    const chosen = test.options({ pack: "gz", compression: undefined });
    await compact(chosen);
    const gzip = spawnSync("gzip", ["-dc"], {
      input: await readFile(chosen.destination),
      maxBuffer: 64 * MIB,
    });
    await writeFile(join(test.folder, "unpacked"), gzip.stdout);
    expect(gzip.stdout.length).toBeGreaterThan(4 * MIB);
    test.requireSame(join(test.folder, "unpacked"), "qcow2");
  });
});

describe("a reproducible image", () => {
  it.each([
    { format: "vmdk" },
    { format: "vmdk", subformat: "streamOptimized" },
    { format: "vhd" },
    { format: "vhdx" },
    { format: "vdi" },
    { format: "ova" },
    { format: "vagrant-libvirt" },
    { format: "qcow2", pack: "xz" },
    { format: "raw", pack: "zst" },
    { format: "raw", pack: "gz" },
  ] as const)("has the same bytes again: $format $subformat $pack", async (image) => {
    const first = test.options({ ...image, reproducible: true });
    const second = { ...first, destination: join(test.folder, ".image.fedcba98.part") };
    await compact(first);
    await compact(second);
    expect(spawnSync("cmp", [first.destination, second.destination]).status).toBe(0);
  });

  it.each([
    ["vmdk", "vmdk"],
    ["vhdx", "vhdx"],
    ["vdi", "vdi"],
    ["vhd", "vpc"],
  ] as const)("%s can still be read", async (format, driver) => {
    const chosen = test.options({ format, reproducible: true });
    await compact(chosen);
    test.requireSame(chosen.destination, driver);
    const check = spawnSync("qemu-img", ["check", "-f", driver, chosen.destination]);
    // 63: the format has no check.
    expect([0, ...(driver === "vpc" ? [63] : [])]).toContain(check.status);
    expect(check.stderr.toString()).not.toMatch(/corrupt|invalid/i);
  });
});
