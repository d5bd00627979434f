/**
 * Writes a tar stream in GNU's old format, in which names are bytes and long names have a record of
 * their own. tar-stream writes names as UTF-8 only and stores long or non-ASCII names in POSIX pax
 * headers, which busybox's tar ignores.
 */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { VmbuildError } from "../errors.js";
import { displayName } from "./file-names.js";
import type { TreeEntry } from "./tree.js";

/** Owner of the unpacked files; root unless given. */
export interface NumericOwner {
  readonly uid: number;
  readonly gid: number;
}

const BLOCK = 512;
const NAME_BYTES = 100;
const READ_BYTES = 256 * 1024;
const TYPES = { file: "0", symlink: "2", directory: "5", longLink: "K", longName: "L" } as const;

interface Header {
  readonly type: keyof typeof TYPES;
  readonly name: Buffer;
  readonly linkname?: Buffer | undefined;
  readonly mode: number;
  readonly size: number;
  /** Seconds since the epoch. */
  readonly mtime: number;
  readonly owner: NumericOwner;
}

/** Writes a number as octal digits and a NUL, or in base 256 when it has too many digits. */
function putNumber(block: Buffer, value: number, at: number, length: number): void {
  const digits = value.toString(8);
  if (digits.length < length) {
    block.write(digits.padStart(length - 1, "0"), at, "latin1");
    return;
  }
  block[at] = 0x80;
  let rest = value;
  for (let index = at + length - 1; index > at; index--) {
    block[index] = rest % 256;
    rest = Math.floor(rest / 256);
  }
}

function headerBlock(header: Header): Buffer {
  const block = Buffer.alloc(BLOCK);
  header.name.copy(block, 0, 0, NAME_BYTES);
  putNumber(block, header.mode, 100, 8);
  putNumber(block, header.owner.uid, 108, 8);
  putNumber(block, header.owner.gid, 116, 8);
  putNumber(block, header.size, 124, 12);
  putNumber(block, header.mtime, 136, 12);
  block.write(TYPES[header.type], 156, "latin1");
  header.linkname?.copy(block, 157, 0, NAME_BYTES);
  block.write("ustar  \0", 257, "latin1");
  // The checksum is computed with its own field filled with spaces.
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** Returns a record that holds the name, or the link target, of the following entry. */
function longRecord(type: "longLink" | "longName", text: Buffer, owner: NumericOwner): Buffer[] {
  if (text.length <= NAME_BYTES) return [];
  const size = text.length + 1;
  const name = Buffer.from("./@LongLink");
  const header = headerBlock({ type, name, mode: 0o644, size, mtime: 0, owner });
  return [header, text, Buffer.alloc(1), padding(size)];
}

async function* contentOf(entry: TreeEntry, onBytes: (bytes: number) => void) {
  let left = entry.size;
  if (left === 0) return;
  // A file may grow while it is read; the header fixes the number of bytes.
  const options = { highWaterMark: READ_BYTES, end: entry.size - 1 };
  for await (const chunk of createReadStream(entry.path, options) as AsyncIterable<Buffer>) {
    left -= chunk.length;
    onBytes(chunk.length);
    yield chunk;
  }
  if (left === 0) return;
  const message = `${displayName(entry.path)} was truncated while it was read`;
  throw new VmbuildError("STEP_FAILED", message, {
    hint: "Check whether a program is writing to that folder.",
  });
}

async function* membersOf(
  entries: readonly TreeEntry[],
  owner: NumericOwner,
  onBytes: (bytes: number) => void,
) {
  for (const entry of entries) {
    const { type, bytes: name, linkname, mode, size } = entry;
    const mtime = Math.max(0, Math.floor(entry.mtime.getTime() / 1000));
    if (linkname) yield* longRecord("longLink", linkname, owner);
    yield* longRecord("longName", name, owner);
    yield headerBlock({ type, name, linkname, mode, size, mtime, owner });
    if (type !== "file") continue;
    yield* contentOf(entry, onBytes);
    yield padding(size);
  }
  yield Buffer.alloc(2 * BLOCK);
}

/**
 * Returns a tar stream of the entries. Files are read while the stream is consumed.
 * @param onBytes called with the number of bytes of each chunk of a file.
 */
export function packTree(
  entries: readonly TreeEntry[],
  onBytes: (bytes: number) => void,
  owner: NumericOwner = { uid: 0, gid: 0 },
): Readable {
  return Readable.from(membersOf(entries, owner, onBytes), { objectMode: false });
}
