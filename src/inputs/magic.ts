/**
 * Recognizes files by a magic number at a fixed offset: compressed files, archives, disk images.
 */
import type { Compression, Content, Sample } from "./content-kind.js";

function hasAt(bytes: Buffer, offset: number, wanted: string | readonly number[]): boolean {
  const pattern = typeof wanted === "string" ? Buffer.from(wanted, "latin1") : Buffer.from(wanted);
  return bytes.subarray(offset, offset + pattern.length).equals(pattern);
}

/**
 * Recognizes the old LZMA format, which has no magic number, by its properties, dictionary size and
 * length.
 */
function isLzma(head: Buffer): boolean {
  if (head.length < 13 || !hasAt(head, 0, [0x5d, 0, 0])) return false;
  const length = head.subarray(5, 13);
  return length.every((byte) => byte === 0xff) || length.subarray(5).every((byte) => byte === 0);
}

/** Recognizes frames that zstd and lz4 skip; only zstd's tools write them at the beginning. */
function isSkippable(head: Buffer): boolean {
  return hasAt(head, 1, [0x2a, 0x4d, 0x18]) && (head[0] ?? 0) >> 4 === 5;
}

const COMPRESSED: readonly (readonly [Compression, string, (head: Buffer) => boolean])[] = [
  ["gzip", "a gzip file", (head) => hasAt(head, 0, [0x1f, 0x8b])],
  ["xz", "an xz file", (head) => hasAt(head, 0, [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0])],
  ["zstd", "a zstd file", (head) => hasAt(head, 0, [0x28, 0xb5, 0x2f, 0xfd]) || isSkippable(head)],
  [
    "bzip2",
    "a bzip2 file",
    // After the level follow the digits of pi for a block, or of its square root for the end of an
    // empty file.
    (head) =>
      /^BZh[1-9]/.test(latin(head, 4)) &&
      (hasAt(head, 4, [0x31, 0x41, 0x59, 0x26]) || hasAt(head, 4, [0x17, 0x72, 0x45, 0x38])),
  ],
  [
    "lz4",
    "an lz4 file",
    (head) => hasAt(head, 0, [0x04, 0x22, 0x4d, 0x18]) || hasAt(head, 0, [0x02, 0x21, 0x4c, 0x18]),
  ],
  ["compress", "a compress (.Z) file", (head) => hasAt(head, 0, [0x1f, 0x9d])],
  ["lzma", "an LZMA file", isLzma],
];

function latin(bytes: Buffer, length: number): string {
  return bytes.toString("latin1", 0, length);
}

/** Recognizes a tar header by its checksum, in which the eight checksum bytes count as spaces. */
function isTar(head: Buffer): boolean {
  if (head.length < 512 || head[0] === 0) return false;
  const checksumField = /^ *([0-7]+)[\0 ]/.exec(head.toString("latin1", 148, 156))?.[1];
  if (checksumField === undefined) return false;
  let sum = 8 * 0x20;
  for (const [at, byte] of head.subarray(0, 512).entries()) if (at < 148 || at >= 156) sum += byte;
  return Number.parseInt(checksumField, 8) === sum;
}

/** Container formats by the name of QEMU's driver. */
const IMAGES: readonly (readonly [string, string, (sample: Sample) => boolean])[] = [
  ["vmdk", "a VMDK image", ({ head }) => hasAt(head, 0, "KDMV") || hasAt(head, 0, "COWD")],
  ["vhdx", "a VHDX image", ({ head }) => hasAt(head, 0, "vhdxfile")],
  // A fixed-size VHD is a raw disk with a footer.
  [
    "vpc",
    "a VHD image",
    ({ head, tail }) => hasAt(head, 0, "conectix") || hasAt(tail, 0, "conectix"),
  ],
  ["vdi", "a VDI image", ({ head }) => hasAt(head, 64, [0x7f, 0x10, 0xda, 0xbe])],
  ["qed", "a QED image", ({ head }) => hasAt(head, 0, "QED\0")],
  [
    "parallels",
    "a Parallels image",
    ({ head }) => hasAt(head, 0, "WithoutFreeSpace") || hasAt(head, 0, "WithouFreSpacExt"),
  ],
  ["dmg", "an Apple disk image (DMG)", ({ tail }) => hasAt(tail, 0, "koly")],
];

function imageIn(sample: Sample): Content | undefined {
  const { head } = sample;
  if (hasAt(head, 0, "QFI\u00fb") && head.length >= 8) {
    const old = head.readUInt32BE(4) < 2;
    return {
      kind: "image",
      format: old ? "qcow" : "qcow2",
      what: old ? "a qcow image" : "a qcow2 image",
    };
  }
  const text = /^\s*(#[^\n]*\n\s*)*?# Disk DescriptorFile/.test(latin(head, 1024));
  if (text) {
    return { kind: "descriptor", what: "a VMDK descriptor", text: head.toString("utf8") };
  }
  const found = IMAGES.find(([, , test]) => test(sample));
  return found && { kind: "image", format: found[0], what: found[1] };
}

/** Formats that vmbuild recognizes only for messages. The offsets are bytes. */
const OTHERS: readonly (readonly [number, string | readonly number[], string, string?])[] = [
  [0, [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c], "a 7-Zip archive", "Unpack it with 7z x FILE first."],
  [0, "Rar!", "a RAR archive", "Unpack it with unrar x FILE first."],
  [0, "LZIP", "an lzip file", "Unpack it with lzip -d FILE first."],
  [0, [0x89, 0x4c, 0x5a, 0x4f], "an lzop file", "Unpack it with lzop -d FILE first."],
  [0, "!<arch>\n", "a Debian package or an ar archive"],
  [0, [0xed, 0xab, 0xee, 0xdb], "an RPM package"],
  [0, "070701", "a cpio archive"],
  [0, "070702", "a cpio archive"],
  [0, "070707", "a cpio archive"],
  [0, "MSWIM\0\0\0", "a Windows image (WIM)"],
  [0, "MSCF", "a Windows cabinet file"],
  [0, "xar!", "a xar archive"],
  [0, "%PDF", "a PDF document"],
  [0, [0x89, 0x50, 0x4e, 0x47], "a PNG picture"],
  [0, [0xff, 0xd8, 0xff], "a JPEG picture"],
  [0, [0x7f, 0x45, 0x4c, 0x46], "an ELF program"],
  [0, "SQLite format 3\0", "an SQLite database"],
  [0, "GGUF", "a GGUF model"],
  [0, [0x3a, 0xff, 0x26, 0xed], "an Android sparse image", "Convert it with simg2img first."],
  [0, "LUKS\u00ba\u00be", "a LUKS-encrypted volume", "Decrypt it first."],
  [0, "hsqs", "a SquashFS file system, which cannot be written to"],
  [0, "sqsh", "a SquashFS file system, which cannot be written to"],
  [1024, [0xe2, 0xe1, 0xf5, 0xe0], "an EROFS file system, which cannot be written to"],
  [0, [0x45, 0x3d, 0xcd, 0x28], "a cramfs file system, which cannot be written to"],
  [4086, "SWAPSPACE2", "a swap area"],
  [0x202, "HdrS", "a Linux kernel"],
];

const CD_HINT = "Installation and live CDs are not supported; use a cloud image or a disk image.";

/** Recognizes a file by its magic number; undefined for disks, texts and everything else. */
export function magicIn(sample: Sample): Content | undefined {
  const { head } = sample;
  const image = imageIn(sample);
  if (image) return image;
  const packed = COMPRESSED.find(([, , test]) => test(head));
  if (packed) return { kind: "compressed", by: packed[0], what: packed[1] };
  if (
    [
      [3, 4],
      [5, 6],
      [7, 8],
    ].some((end) => hasAt(head, 0, [0x50, 0x4b, ...end]))
  ) {
    return { kind: "archive", form: "zip", what: "a zip archive" };
  }
  if (isTar(head)) return { kind: "archive", form: "tar", what: "a tar archive" };
  // A hybrid CD and disk image has a boot sector too, so this is tested before any disk.
  if (hasAt(head, 32769, "CD001")) {
    return { kind: "other", what: "an ISO 9660 image", hint: CD_HINT };
  }
  if (hasAt(head, 32769, "BEA01") || hasAt(head, 32769, "NSR0")) {
    return { kind: "other", what: "a UDF image", hint: CD_HINT };
  }
  const other = OTHERS.find(([offset, bytes]) => hasAt(head, offset, bytes));
  if (!other) return programIn(head);
  const [, , what, hint] = other;
  return { kind: "other", what, ...(hint === undefined ? {} : { hint }) };
}

/** Recognizes Windows and UEFI programs: "MZ", and "PE" at the offset stored at byte 60. */
function programIn(head: Buffer): Content | undefined {
  if (!hasAt(head, 0, "MZ") || head.length < 64) return undefined;
  if (!hasAt(head, head.readUInt32LE(60), "PE\0\0")) return undefined;
  return { kind: "other", what: "a Windows or UEFI program" };
}
