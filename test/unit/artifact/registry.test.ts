/** Output formats, and their settings in templates. */
import { describe, expect, it } from "vitest";
import { compressionOf } from "../../../src/artifact/compact.js";
import {
  COMPRESSIONS,
  IMAGE_FORMATS,
  formatNamed,
  isStartable,
} from "../../../src/artifact/registry.js";

describe("output formats", () => {
  it.each([
    ["qcow2", ".qcow2", ["zstd", "zlib", "none"], true],
    ["raw", ".raw", ["none"], true],
    ["vmdk", ".vmdk", ["none"], true],
    ["vhd", ".vhd", ["none"], false],
    ["vhdx", ".vhdx", ["none"], true],
    ["vdi", ".vdi", ["none"], true],
    ["ova", ".ova", ["none"], false],
    ["vagrant-libvirt", ".box", ["none"], false],
  ] as const)("%s ends in %s", (name, extension, compressions, startable) => {
    expect(formatNamed(name)).toMatchObject({ name, extension, compressions, startable });
    expect(formatNamed(name).programs).toContain("qemu-img");
    expect(isStartable({ format: name })).toBe(startable);
  });

  it("begin with the default", () => {
    expect(IMAGE_FORMATS[0]).toBe("qcow2");
    expect(COMPRESSIONS).toEqual(["zstd", "zlib", "none"]);
  });

  it("include all that a machine can start from", () => {
    expect(isStartable({ format: "ova" })).toBe(false);
    expect(isStartable({ format: "qcow2", pack: "xz" })).toBe(false);
    expect(isStartable({ format: "of a later version" })).toBe(false);
    expect(() => formatNamed("iso" as never)).toThrow("no format iso");
  });

  it.each([
    ["qcow2", undefined, "zstd"],
    ["qcow2", "none", "none"],
    ["qcow2", "zlib", "zlib"],
    ["raw", undefined, "none"],
    ["raw", "zlib", "none"],
    ["ova", "zstd", "none"],
  ] as const)("%s asked for %s is compressed with %s", (format, asked, compression) => {
    expect(compressionOf(format, asked)).toBe(compression);
  });
});
