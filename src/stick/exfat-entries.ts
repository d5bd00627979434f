/**
 * Entries of files in a folder of exFAT (Microsoft's exFAT specification, sections 6.3, 7.4, 7.6,
 * 7.7). Pure.
 */
import { VmbuildError } from "../errors.js";

/** Size of an entry. Bytes. */
export const ENTRY_BYTES = 32;

const FILE = 0x85;
const STREAM_EXTENSION = 0xc0;
const FILE_NAME = 0xc1;
/** Characters of a name in one entry. */
const NAME_PART = 15;
const MAX_NAME = 255;

const ATTRIBUTE_ARCHIVE = 0x20;
/** GeneralSecondaryFlags: clusters can be allocated; the file is one run of them. */
const ALLOCATION_POSSIBLE = 1;
const NO_FAT_CHAIN = 2;

/** Names without characters that exFAT or Windows forbids; ASCII, whose upper case is known. */
const NAME = /^(?![ .]*$)[\x20-\x7e]+$/;
const FORBIDDEN = /["*/:<>?\\|]|[ .]$/;

/** File in the root folder. */
export interface FileEntry {
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** First cluster; 0 for an empty file. */
  readonly cluster: number;
  readonly time: Date;
}

/** Returns whether a file can have this name on the stick. */
export function isStickName(name: string): boolean {
  return NAME.test(name) && !FORBIDDEN.test(name) && name.length <= MAX_NAME;
}

/** Returns a time in the form of exFAT: two seconds' resolution, years from 1980 to 2107, UTC. */
function timestamp(time: Date): number {
  const year = Math.min(Math.max(time.getUTCFullYear(), 1980), 2107) - 1980;
  const date = (year << 9) | ((time.getUTCMonth() + 1) << 5) | time.getUTCDate();
  const clock =
    (time.getUTCHours() << 11) | (time.getUTCMinutes() << 5) | (time.getUTCSeconds() >> 1);
  return date * 0x1_0000 + clock;
}

/** Returns the hash of a name in upper case (section 7.6.4). */
function nameHash(name: string): number {
  let hash = 0;
  for (const byte of Buffer.from(name.toUpperCase(), "utf16le")) {
    hash = (((hash & 1) << 15) | (hash >> 1)) + byte;
    hash &= 0xffff;
  }
  return hash;
}

/** Returns the checksum of a set of entries (section 6.3.3), which leaves out its own place. */
function setChecksum(set: Buffer): number {
  let sum = 0;
  for (const [index, byte] of set.entries()) {
    if (index === 2 || index === 3) continue;
    sum = ((((sum & 1) << 15) | (sum >> 1)) + byte) & 0xffff;
  }
  return sum;
}

/**
 * Returns the entries of a file.
 * @throws {VmbuildError} ARTIFACT_STICK where the name is not allowed.
 */
export function entrySet({ name, size, cluster, time }: FileEntry): Buffer {
  if (!isStickName(name)) {
    throw new VmbuildError(
      "ARTIFACT_STICK",
      `A file on the stick cannot be named ${JSON.stringify(name)}`,
      { hint: "Rename it: letters of ASCII, digits, spaces, and the usual punctuation." },
    );
  }
  const parts = Math.ceil(name.length / NAME_PART);
  const set = Buffer.alloc((2 + parts) * ENTRY_BYTES);
  set.writeUInt8(FILE, 0);
  set.writeUInt8(1 + parts, 1);
  set.writeUInt16LE(ATTRIBUTE_ARCHIVE, 4);
  for (const offset of [8, 12, 16]) set.writeUInt32LE(timestamp(time), offset);
  // Offset from UTC: valid, zero quarters of an hour.
  for (const offset of [22, 23, 24]) set.writeUInt8(0x80, offset);
  const stream = set.subarray(ENTRY_BYTES);
  stream.writeUInt8(STREAM_EXTENSION, 0);
  stream.writeUInt8(cluster === 0 ? ALLOCATION_POSSIBLE : ALLOCATION_POSSIBLE | NO_FAT_CHAIN, 1);
  stream.writeUInt8(name.length, 3);
  stream.writeUInt16LE(nameHash(name), 4);
  stream.writeBigUInt64LE(BigInt(size), 8);
  stream.writeUInt32LE(cluster, 20);
  stream.writeBigUInt64LE(BigInt(size), 24);
  for (let part = 0; part < parts; part++) {
    const at = (2 + part) * ENTRY_BYTES;
    set.writeUInt8(FILE_NAME, at);
    set.write(name.slice(part * NAME_PART, (part + 1) * NAME_PART), at + 2, "utf16le");
  }
  set.writeUInt16LE(setChecksum(set), 2);
  return set;
}
