/**
 * Checks whether a qcow2 image is as long as its tables require (QEMU's docs/interop/qcow2.txt).
 */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { readAt } from "./read-at.js";

const HEADER_BYTES = 104;
/** Feature bit for an external data file. */
const EXTERNAL_DATA = 0x4;
const EXTENDED_ENTRIES = 0x10;
/** Mask for the offset of a table or cluster in an entry: bits 9 to 55. */
const OFFSET_HIGH = 0x00ff_ffff;
const OFFSET_LOW = 0xffff_fe00;

/** Fields of the header that are needed here. */
export interface Qcow2Header {
  /** 0 when not encrypted. */
  readonly encryption: number;
  readonly clusterBits: number;
  readonly tableEntries: number;
  readonly tableOffset: number;
  readonly features: number;
}

/** Reads the header of an image; undefined where the file is too short to have one. */
export async function readQcow2Header(handle: FileHandle): Promise<Qcow2Header | undefined> {
  const header = await readAt(handle, 0, HEADER_BYTES);
  if (header.length < 72) return undefined;
  const isNew = header.readUInt32BE(4) >= 3 && header.length >= 80;
  return {
    clusterBits: header.readUInt32BE(20),
    encryption: header.readUInt32BE(32),
    tableEntries: header.readUInt32BE(36),
    tableOffset: Number(header.readBigUInt64BE(40)),
    features: isNew ? header.readUInt32BE(76) : 0,
  };
}

function offsetIn(table: Buffer, position: number): number {
  const high = (table.readUInt32BE(position) & OFFSET_HIGH) >>> 0;
  const low = (table.readUInt32BE(position + 4) & OFFSET_LOW) >>> 0;
  return high * 2 ** 32 + low;
}

/**
 * Returns the offset of a compressed cluster; it has fewer bits, because the rest is the cluster's
 * length.
 */
function compressedOffset(table: Buffer, position: number, clusterBits: number): number {
  const high = table.readUInt32BE(position) & (2 ** (62 - (clusterBits - 8) - 32) - 1);
  return high * 2 ** 32 + table.readUInt32BE(position + 4);
}

/** Returns the largest offset in a second-level table. */
function furthestIn(table: Buffer, clusterBits: number, stride: number): number {
  let furthest = 0;
  for (let position = 0; position + 8 <= table.length; position += stride) {
    const first = table.readUInt32BE(position);
    const isCompressed = (first & 0x4000_0000) !== 0;
    const offset = isCompressed
      ? compressedOffset(table, position, clusterBits)
      : offsetIn(table, position);
    if (offset > furthest) furthest = offset;
  }
  return furthest;
}

/**
 * Returns the offset of the last cluster in the image's tables; a complete file is longer than
 * that. Undefined for invalid headers and for images with an external data file.
 */
export async function lastClusterOffset(path: string): Promise<number | undefined> {
  const handle = await open(path, "r");
  try {
    const header = await readQcow2Header(handle);
    if (!header) return Number.MAX_SAFE_INTEGER;
    const { clusterBits, tableEntries, tableOffset, features } = header;
    if (clusterBits < 9 || clusterBits > 21 || tableEntries > 2 ** 22) return undefined;
    if ((features & EXTERNAL_DATA) !== 0) return undefined;
    const { size } = await handle.stat();
    const firstLevel = await readAt(handle, tableOffset, tableEntries * 8);
    if (firstLevel.length < tableEntries * 8) return tableOffset + tableEntries * 8;
    const stride = (features & EXTENDED_ENTRIES) === 0 ? 8 : 16;
    let furthest = tableOffset;
    for (let position = 0; position < firstLevel.length; position += 8) {
      const offset = offsetIn(firstLevel, position);
      if (offset === 0) continue;
      furthest = Math.max(furthest, offset);
      if (offset >= size) return furthest;
      const table = await readAt(handle, offset, 2 ** clusterBits);
      furthest = Math.max(furthest, furthestIn(table, clusterBits, stride));
    }
    return furthest;
  } finally {
    await handle.close();
  }
}
