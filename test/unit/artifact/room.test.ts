/** Space that several images of one disk need, and checksums of their headers. */
import { describe, expect, it } from "vitest";
import { crc32c, stableUuid } from "../../../src/artifact/identifiers.js";
import { leastShare } from "../../../src/artifact/room.js";
import type { PlannedImage } from "../../../src/artifact/room.js";

function image(changes: Partial<PlannedImage>): PlannedImage {
  const settings = { format: "qcow2", compression: "none", subformat: undefined } as const;
  return { destination: "/x", ...settings, ...changes };
}

const raw = image({ format: "raw" });
const zstd = image({ compression: "zstd" });

describe("leastShare", () => {
  it.each([
    ["one plain image", [raw], 0.5],
    ["one compressed image", [zstd], 0.05],
    ["both", [raw, zstd], 0.55],
    [
      "a variant that is compressed",
      [image({ format: "vmdk", subformat: "streamOptimized" })],
      0.05,
    ],
    ["an OVA, whose disk exists twice at the end", [image({ format: "ova" })], 0.1],
    ["a box, whose disk is plain meanwhile", [image({ format: "vagrant-libvirt" })], 0.55],
    ["a packed image, likewise", [image({ format: "raw", pack: "xz" })], 0.55],
    [
      "packed images, one after the other",
      [zstd, { ...raw, pack: "xz" }, { ...raw, pack: "gz" }],
      0.65,
    ],
  ] as const)("counts %s", (_, images, share) => {
    expect(leastShare(images)).toBeCloseTo(share);
  });
});

describe("identifiers", () => {
  it("have the check value of CRC-32C", () => {
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  it("depend on name, version and purpose, and are UUIDs of version 8", () => {
    const machine = { name: "demo", version: "1", cpus: 1, memory: 1, firmware: "bios" };
    const uuid = stableUuid(machine, "disk");
    expect(stableUuid({ ...machine, cpus: 2 }, "disk")).toEqual(uuid);
    expect(stableUuid({ ...machine, version: "2" }, "disk")).not.toEqual(uuid);
    expect(stableUuid(machine, "file")).not.toEqual(uuid);
    // The third group is little-endian in Microsoft's byte order.
    expect((uuid[7] ?? 0) >> 4).toBe(8);
  });
});
