/**
 * Recognizes raw disks: a boot sector or partition table that firmware can start from, or a file
 * system on the whole disk, which a kernel given by `-kernel` can use.
 */
import { open } from "node:fs/promises";
import type { Content } from "./content-kind.js";
import { HEAD_BYTES, readAt } from "./read-at.js";

const SECTOR = 512;
/** Sector size of disks with large sectors. Bytes. */
const LARGE_SECTOR = 4096;

function at(head: Buffer, offset: number, text: string): boolean {
  return head.toString("latin1", offset, offset + text.length) === text;
}

function le32(head: Buffer, offset: number): number | undefined {
  return head.length >= offset + 4 ? head.readUInt32LE(offset) : undefined;
}

/** File systems and volume managers that may occupy a whole disk. */
const FILE_SYSTEMS: readonly (readonly [string, (head: Buffer) => boolean])[] = [
  ["ext2, ext3 or ext4", (head) => head.length >= 1082 && head.readUInt16LE(1080) === 0xef53],
  ["XFS", (head) => at(head, 0, "XFSB")],
  ["Btrfs", (head) => at(head, 65_600, "_BHRfS_M")],
  ["F2FS", (head) => le32(head, 1024) === 0xf2f52010],
  ["bcachefs", (head) => le32(head, 4120) === 0xf67385c6],
  ["JFS", (head) => at(head, 32_768, "JFS1")],
  ["ReiserFS", (head) => at(head, 65_588, "ReIsEr")],
  ["UFS2", (head) => le32(head, 66_908) === 0x19540119],
  ["HFS+", (head) => at(head, 1024, "H+\0\u0004") || at(head, 1024, "HX\0\u0005")],
];

/** Recognizes a disk by its first bytes. */
export function diskIn(head: Buffer): Content | undefined {
  for (const sector of [SECTOR, LARGE_SECTOR]) {
    if (at(head, sector, "EFI PART")) return { kind: "disk", what: "a disk with a GPT" };
  }
  const fileSystem = FILE_SYSTEMS.find(([, test]) => test(head));
  if (fileSystem) return { kind: "disk", what: `a file system (${fileSystem[0]})` };
  if (head.length >= SECTOR && head[510] === 0x55 && head[511] === 0xaa) {
    return { kind: "disk", what: "a disk with a boot sector" };
  }
  if ([0, 1, 2, 3].some((sector) => at(head, sector * SECTOR, "LABELONE"))) {
    return { kind: "disk", what: "an LVM physical volume" };
  }
  if (le32(head, SECTOR) === 0x82564557) return { kind: "disk", what: "a disk with a BSD label" };
  if (at(head, 0, "ER") && at(head, SECTOR, "PM")) {
    return { kind: "disk", what: "a disk with an Apple partition map" };
  }
  return undefined;
}

/**
 * Returns the offset after the last partition of a boot sector's table, in bytes; 0 when it has no
 * table.
 */
function masterBootRecordEnd(head: Buffer): number {
  let end = 0;
  for (let entry = 446; entry < 510; entry += 16) {
    const [flag = 0, type = 0] = [head[entry], head[entry + 4]];
    const start = head.readUInt32LE(entry + 8);
    const sectors = head.readUInt32LE(entry + 12);
    if (head.subarray(entry, entry + 16).every((byte) => byte === 0)) continue;
    // In the boot sector of a file system, there is code here instead of a table.
    if ((flag !== 0 && flag !== 0x80) || type === 0 || start === 0 || sectors === 0) return 0;
    // The entry that protects a GPT may be larger than the disk.
    if (type !== 0xee) end = Math.max(end, (start + sectors) * SECTOR);
  }
  return end;
}

/**
 * Returns the offset after the last partition of a GPT, in bytes (UEFI specification, section 5.3).
 */
function partitionTableEnd(header: Buffer, entries: Buffer, sector: number): number {
  const size = header.readUInt32LE(84);
  let end = 0;
  for (let entry = 0; entry + size <= entries.length; entry += size) {
    const isUsed = entries.subarray(entry, entry + 16).some((byte) => byte !== 0);
    if (!isUsed) continue;
    end = Math.max(end, (Number(entries.readBigUInt64LE(entry + 40)) + 1) * sector);
  }
  return end;
}

/** Returns the size of a file system on the whole disk in bytes; 0 where it is not known. */
function fileSystemEnd(head: Buffer): number {
  if (at(head, 0, "XFSB")) return Number(head.readBigUInt64BE(8)) * head.readUInt32BE(4);
  if (at(head, 65_600, "_BHRfS_M")) return Number(head.readBigUInt64LE(65_536 + 112));
  if (head.length < 1024 + 0x154 || head.readUInt16LE(1080) !== 0xef53) return 0;
  // The upper half of the count is valid only with the feature "64bit".
  const isLarge = (head.readUInt32LE(1024 + 0x60) & 0x80) !== 0;
  const blocks =
    head.readUInt32LE(1028) + (isLarge ? head.readUInt32LE(1024 + 0x150) : 0) * 2 ** 32;
  return blocks * 1024 * 2 ** head.readUInt32LE(1048);
}

/**
 * Returns the size that a raw disk must have to contain all its partitions or its file system, in
 * bytes; 0 where it is not known.
 */
export async function neededBytes(path: string): Promise<number> {
  const handle = await open(path, "r");
  try {
    const head = await readAt(handle, 0, HEAD_BYTES);
    for (const sector of [SECTOR, LARGE_SECTOR]) {
      if (!at(head, sector, "EFI PART")) continue;
      const header = head.subarray(sector, sector + 92);
      const [count, size] = [header.readUInt32LE(80), header.readUInt32LE(84)];
      // The specification has 128 entries of 128 bytes; much larger values mean damage.
      if (size < 128 || size > 4096 || count > 4096) return 0;
      const start = Number(header.readBigUInt64LE(72)) * sector;
      return partitionTableEnd(header, await readAt(handle, start, count * size), sector);
    }
    const fileSystem = fileSystemEnd(head);
    if (fileSystem > 0) return fileSystem;
    const hasTable = head.length >= SECTOR && head[510] === 0x55 && head[511] === 0xaa;
    return hasTable ? masterBootRecordEnd(head) : 0;
  } finally {
    await handle.close();
  }
}
