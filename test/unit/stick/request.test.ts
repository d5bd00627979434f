/** What a stick is made of: sizes, labels, partitions and texts. */
import { link, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  DATA_OFFSET,
  MIB,
  SMALLEST_STICK,
  dataPartition,
  grubMenu,
  partitionTable,
} from "../../../src/stick/layout.js";
import { checkPayload } from "../../../src/stick/payload.js";
import {
  checkArchitecture,
  checkLabel,
  checkTarget,
  checksumsOf,
  stickSize,
} from "../../../src/stick/request.js";
import type { StickRequest } from "../../../src/stick/request.js";
import { defaultSettings, readme, withCarriageReturns } from "../../../src/stick/settings.js";

const GIB = 1024 * MIB;

describe("the size", () => {
  it("leaves room for a larger payload", () => {
    const size = stickSize({}, 4 * GIB);
    expect(dataPartition(size).size).toBeGreaterThanOrEqual(7 * GIB);
    expect(size % MIB).toBe(0);
  });

  it("is the given one in whole MiB", () => {
    expect(stickSize({ size: 8 * GIB + 1 }, 4 * GIB)).toBe(8 * GIB);
  });

  it("is refused where the payload does not fit", () => {
    expect(() => stickSize({ size: 4 * GIB }, 4 * GIB)).toThrow("is too small for the image");
  });
});

describe("the request", () => {
  it("needs a label that every system shows", () => {
    expect(() => checkLabel("CBDEPLOY")).not.toThrow();
    for (const label of ["", "twelve-chars", "a b", "ü"]) {
      expect(() => checkLabel(label)).toThrow("is not a valid label of a stick");
    }
  });

  it("needs an image that the installer recognizes", async () => {
    await expect(checkPayload("/images/node.iso")).rejects.toThrow("does not recognize node.iso");
    await expect(checkPayload("/images/nö.raw")).rejects.toThrow("cannot be a name on the stick");
    // The name of its sum must fit, too.
    const long = `/images/${"x".repeat(245)}.raw`;
    await expect(checkPayload(long)).rejects.toThrow("cannot be a name on the stick");
    await expect(checkPayload("/nowhere/node.raw")).rejects.toThrow("cannot be read");
  });

  it("needs an image for the machines that the stick starts", () => {
    expect(() => checkArchitecture("x86_64")).not.toThrow();
    expect(() => checkArchitecture()).not.toThrow();
    expect(() => checkArchitecture("aarch64")).toThrow("cannot install an image for aarch64");
  });
});

describe("the files of the request", () => {
  let folder: string;
  let payload: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "request-"));
    payload = join(folder, "node.raw");
    await writeFile(payload, "image");
  });
  afterEach(() => rm(folder, { recursive: true }));

  const request = (target: string, checksums?: StickRequest["checksums"]): StickRequest => ({
    payload,
    target,
    checksums,
    label: "CBDEPLOY",
    mode: "auto",
  });

  it("are images that the installer accepts", async () => {
    const disk = Buffer.alloc(1024);
    disk.writeUInt16BE(0x55aa, 510);
    const qcow2 = Buffer.alloc(1024);
    qcow2.write("QFI\u00fb", "latin1");
    const top = Buffer.from(qcow2);
    top.writeBigUInt64BE(512n, 8);
    const locked = Buffer.from(qcow2);
    locked.writeUInt32BE(1, 32);
    const files = [
      ["node.raw", disk, String(disk.length)],
      ["node.img", disk, String(disk.length)],
      ["node.IMG", qcow2, String(qcow2.length)],
      ["node.qcow2", qcow2, String(qcow2.length)],
      ["node.raw.zst", Buffer.from("anything"), String(Buffer.from("anything").length)],
      ["text.raw", Buffer.from("text"), "has no boot record"],
      ["disk.qcow2", disk, "is not a qcow2 image"],
      ["top.qcow2", top, "needs a backing file"],
      ["locked.img", locked, "is encrypted"],
      ["empty.tar", Buffer.alloc(0), "is empty"],
    ] as const;
    for (const [name, content, problem] of files) {
      const path = join(folder, name);
      await writeFile(path, content);
      const result = await checkPayload(path).catch((error: unknown) => String(error));
      expect(String(result)).toContain(problem);
    }
  });

  it("are not overwritten, and no device or folder is replaced", async () => {
    const stick = join(folder, "stick.img");
    await expect(checkTarget(request(stick))).resolves.toBeUndefined();
    await writeFile(stick, "an older stick");
    await expect(checkTarget(request(stick))).resolves.toBeUndefined();
    await link(payload, join(folder, "link.img"));
    for (const target of [payload, join(folder, "link.img")]) {
      await expect(checkTarget(request(target))).rejects.toThrow(`would overwrite ${payload}`);
    }
    const settings = { ...request(stick), settings: stick };
    await expect(checkTarget(settings)).rejects.toThrow("would overwrite");
    for (const target of [folder, "/dev/null"]) {
      await expect(checkTarget(request(target))).rejects.toThrow("is not a regular file");
    }
  });

  it("have the checksums of the manifest, or that of the file beside the image", async () => {
    const stick = join(folder, "stick.img");
    expect([...(await checksumsOf(request(stick)))]).toEqual([]);
    const sum = "Ab".repeat(32);
    await writeFile(`${payload}.sha256`, `\uFEFF${sum} *node.raw\r\n`);
    const beside = [["sha256", sum.toLowerCase()]];
    expect([...(await checksumsOf(request(stick)))]).toEqual(beside);
    expect([...(await checksumsOf(request(stick, {})))]).toEqual(beside);
    expect([...(await checksumsOf(request(stick, { sha512: "12" })))]).toEqual([["sha512", "12"]]);
    await writeFile(`${payload}.sha256`, "no sum");
    await expect(checksumsOf(request(stick))).rejects.toThrow("node.raw.sha256 has no sha256");
  });
});

describe("the layout", () => {
  it("has the data partition first in the table and last on the stick", () => {
    const table = partitionTable(SMALLEST_STICK, "installer-1");
    expect(table).toContain(
      `1: start=${DATA_OFFSET / 512}, size=131072, type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7, name="installer-1"`,
    );
    expect(DATA_OFFSET + 131_072 * 512 + MIB).toBe(SMALLEST_STICK);
  });

  it("starts the installer with the name of its partition", () => {
    expect(grubMenu("installer-1").match(/installer\.part=installer-1$/gm)).toHaveLength(2);
  });
});

describe("the texts", () => {
  it("have the mode, and line ends that every system shows", async () => {
    const text = await defaultSettings("dry-run");
    expect(text).toContain("\r\nmode = dry-run\r\n");
    expect(text.match(/^mode = /gm)).toHaveLength(1);
    for (const one of [text, await readme()]) expect(one).not.toMatch(/(?<!\r)\n/);
    expect(withCarriageReturns("a\r\nb\n")).toBe("a\r\nb\r\n");
  });
});
