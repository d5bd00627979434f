import { execFileSync } from "node:child_process";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkImage, createOverlay, imageInfo } from "../../../src/machine/disk.js";

const MIB = 2 ** 20;
let folder: string;
let base: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "vmbuild-disk-"));
  base = join(folder, "base, with:odd name.qcow2");
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", base, "16M"]);
});
afterEach(() => rm(folder, { recursive: true }));

describe("createOverlay", () => {
  it("creates a larger overlay on a base, with its absolute path", async () => {
    const path = join(folder, "disk.qcow2");
    await createOverlay({ path, backing: base, backingFormat: "qcow2", size: 64 * MIB });
    expect(await imageInfo(path)).toMatchObject({
      format: "qcow2",
      virtualSize: 64 * MIB,
      backingFile: base,
      snapshots: [],
    });
  });

  it("has the base's size unless another is given", async () => {
    const path = join(folder, "disk.qcow2");
    await createOverlay({ path, backing: base, backingFormat: "qcow2" });
    expect(await imageInfo(path)).toMatchObject({ virtualSize: 16 * MIB });
  });

  it("refuses a size below the base's, and leaves nothing", async () => {
    const path = join(folder, "disk.qcow2");
    await expect(
      createOverlay({ path, backing: base, backingFormat: "qcow2", size: 8 * MIB }),
    ).rejects.toMatchObject({ code: "BASE_TOO_LARGE", exitCode: 2 });
    expect(await readdir(folder)).toHaveLength(1);
  });

  it("refuses a base of another format than given", async () => {
    const raw = join(folder, "base.raw");
    await writeFile(raw, Buffer.alloc(MIB));
    const path = join(folder, "disk.qcow2");
    await expect(
      createOverlay({ path, backing: raw, backingFormat: "qcow2", size: 64 * MIB }),
    ).rejects.toMatchObject({ code: "BASE_INVALID" });
    expect(await readdir(folder)).toHaveLength(2);
  });

  it("reports qemu-img's error when the folder does not exist", async () => {
    const path = join(folder, "none", "disk.qcow2");
    await expect(
      createOverlay({ path, backing: base, backingFormat: "qcow2" }),
    ).rejects.toMatchObject({
      code: "BASE_INVALID",
      lines: [expect.stringContaining("No such file or directory")],
    });
  });
});

describe("imageInfo", () => {
  it("lists the snapshots", async () => {
    const before = Math.floor(Date.now() / 1000) * 1000;
    execFileSync("qemu-img", ["snapshot", "-c", "step 1", base]);
    const { snapshots } = await imageInfo(base);
    expect(snapshots).toEqual([
      { id: "1", tag: "step 1", vmStateSize: 0, date: expect.any(Date) as Date },
    ]);
    expect(snapshots[0]?.date.getTime()).toBeGreaterThanOrEqual(before);
  });

  it("names a file that does not exist", async () => {
    const path = join(folder, "none.qcow2");
    await expect(imageInfo(path)).rejects.toMatchObject({
      code: "BASE_INVALID",
      message: `Cannot read the image ${path}: qemu-img: exit 1`,
    });
  });
});

describe("checkImage", () => {
  it("finds no errors in an intact image", async () => {
    expect(await checkImage(base)).toEqual({ checked: true, corruptions: 0, leaks: 0 });
  });

  it("reports that raw images cannot be checked", async () => {
    const raw = join(folder, "base.raw");
    await writeFile(raw, Buffer.alloc(MIB));
    expect(await checkImage(raw)).toMatchObject({ checked: false });
  });

  it("counts damage", async () => {
    execFileSync("qemu-io", ["-c", "write 0 1M", base]);
    // The refcount table's offset is at byte 48 of a qcow2 header; its first block is erased.
    execFileSync("bash", [
      "-c",
      "at=$(od -An -tu1 -j48 -N8 \"$1\" | awk '{for(i=1;i<=8;i++) n=n*256+$i; print n}');" +
        'dd if=/dev/zero of="$1" bs=1 seek=$((at + 65536)) count=64 conv=notrunc status=none',
      "damage",
      base,
    ]);
    const { corruptions } = await checkImage(base);
    expect(corruptions).toBeGreaterThan(0);
  });

  it("reports a missing image", async () => {
    await expect(checkImage(join(folder, "none.qcow2"))).rejects.toMatchObject({
      code: "BASE_INVALID",
    });
  });
});
