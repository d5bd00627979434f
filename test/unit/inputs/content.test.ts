import { describe, expect, it } from "vitest";
import { imageCandidates } from "../../../src/inputs/archive.js";
import { recognize } from "../../../src/inputs/content.js";

/** Returns a file of 72 KiB with a meaningless pattern, and some bytes at some places. */
function fileWith(...places: readonly [number, string | readonly number[]][]): Buffer {
  const head = Buffer.alloc(72 * 1024, 0xa5);
  for (const [offset, bytes] of places) {
    const written = typeof bytes === "string" ? Buffer.from(bytes, "latin1") : Buffer.from(bytes);
    written.copy(head, offset);
  }
  return head;
}

const kindOf = (head: Buffer, tail = Buffer.alloc(0)): string => {
  const content = recognize({ head, tail });
  return `${content.kind}: ${content.what}`;
};

const BOOT: [number, readonly number[]] = [510, [0x55, 0xaa]];

describe("recognise", () => {
  it.each([
    ["an empty file", Buffer.alloc(0), "other: empty"],
    ["a page after a comment", Buffer.from("<!-- x -->\n<html>"), "other: an HTML page"],
    ["XHTML", Buffer.from('<?xml version="1.0"?>\n<html>'), "other: an HTML page"],
    ["UTF-16", Buffer.from("\ufeff<!doctype html>", "utf16le"), "other: an HTML page"],
    ["XML", Buffer.from("<Error><Code>NoSuchKey</Code>"), "other: an XML document"],
    ["JSON", Buffer.from('{"error": 1}'), "other: a JSON document"],
    ["sums", Buffer.from(`${"0a".repeat(32)}  a.img\n`), "other: a list of checksums"],
    [
      "a pointer",
      Buffer.from("version https://git-lfs.github.com/spec/v1\n"),
      "other: a Git LFS pointer",
    ],
    [
      "a signature",
      Buffer.from("-----BEGIN PGP SIGNATURE-----\n"),
      "other: an OpenPGP message or signature",
    ],
    ["a kernel", fileWith([0, "MZ"], BOOT, [0x202, "HdrS"]), "other: a Linux kernel"],
    ["a CD that is a disk too", fileWith(BOOT, [32_769, "CD001"]), "other: an ISO 9660 image"],
    ["LUKS", fileWith([0, "LUKS\u00ba\u00be"]), "other: a LUKS-encrypted volume"],
    ["7-Zip", fileWith([0, [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]]), "other: a 7-Zip archive"],
    ["an empty zip", Buffer.from("PK\u0005\u0006"), "archive: a zip archive"],
    ["old qcow", fileWith([0, "QFI\u00fb\0\0\0\u0001"]), "image: a qcow image"],
    ["qcow2", fileWith([0, "QFI\u00fb\0\0\0\u0003"]), "image: a qcow2 image"],
    ["a boot sector", fileWith(BOOT), "disk: a disk with a boot sector"],
    ["GPT", fileWith(BOOT, [512, "EFI PART"]), "disk: a disk with a GPT"],
    ["GPT on large sectors", fileWith([4096, "EFI PART"]), "disk: a disk with a GPT"],
    ["XFS", fileWith([0, "XFSB"]), "disk: a file system (XFS)"],
    ["Btrfs", fileWith([65_600, "_BHRfS_M"]), "disk: a file system (Btrfs)"],
    ["LVM", fileWith([512, "LABELONE"]), "disk: an LVM physical volume"],
    ["a boot sector alone", fileWith(BOOT).subarray(0, 512), "disk: a disk with a boot sector"],
  ])("names %s", (_, head, expected) => {
    expect(kindOf(head)).toBe(expected);
  });

  it("finds a VHD of fixed size by its end", () => {
    const tail = Buffer.alloc(512);
    tail.write("conectix");
    expect(kindOf(fileWith(BOOT), tail)).toBe("image: a VHD image");
  });

  it("describes random data and zeros", () => {
    expect(kindOf(fileWith())).toContain("other: data of an unknown kind");
    expect(kindOf(Buffer.alloc(4096))).toContain("other: a file that begins with zeros");
  });
});

describe("imageCandidates", () => {
  const members = (...names: string[]) => names.map((name) => ({ name, size: 10_000 }));
  it("prefers names to content, and disk.raw to other names", () => {
    const names = ["a/README", "a/x.qcow2.xz", "__MACOSX/a/._x.qcow2.xz", "boot.IMG"];
    const { named, others } = imageCandidates(members(...names));
    expect(named.map(({ name }) => name)).toEqual(["a/x.qcow2.xz", "boot.IMG"]);
    expect(others.map(({ name }) => name)).toEqual(["a/README"]);
    const google = imageCandidates(members("disk.raw", "efi.img"));
    expect(google.named.map(({ name }) => name)).toEqual(["disk.raw"]);
  });

  it("examines no files of a root file system", () => {
    const names = Array.from({ length: 500 }, (_, index) => `usr/bin/${index}`);
    expect(imageCandidates(members(...names))).toEqual({ named: [], others: [] });
  });
});
