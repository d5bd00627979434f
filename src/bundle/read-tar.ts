/**
 * Lists the members of a tar archive without unpacking it: only what the tar of busybox reads, which
 * are files in the ustar or GNU format.
 */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { VmbuildError } from "../errors.js";

const BLOCK = 512;
/** Largest name in GNU's record of a long name. Bytes. */
const MAX_NAME = 4096;

/** File in an archive. Offset and size are bytes. */
export interface TarMember {
  readonly name: string;
  readonly offset: number;
  readonly size: number;
}

interface Header {
  readonly name: string;
  readonly type: string;
  readonly size: number;
}

const KINDS: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a device",
  "4": "a device",
  "5": "a folder",
  "6": "a pipe",
  x: "a PAX header",
  g: "a PAX header",
  S: "a sparse file",
};

const text = (block: Buffer, at: number, length: number): string => {
  const field = block.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end === -1 ? length : end).toString("utf8");
};

/** Returns the size: octal digits, or a binary number in GNU's form. Undefined for another one. */
function sizeOf(block: Buffer): number | undefined {
  const digits = text(block, 124, 12).trim();
  if (/^[0-7]+$/.test(digits)) return Number.parseInt(digits, 8);
  if (block[124] !== 0x80) return undefined;
  const size = Number(block.readBigUInt64BE(128));
  return Number.isSafeInteger(size) && block.readUInt32BE(124) === 0x80000000 ? size : undefined;
}

/** Reads a header; undefined where it is not one. */
function readHeader(block: Buffer): Header | undefined {
  const recorded = Number.parseInt(text(block, 148, 8).trim(), 8);
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  const magic = block.toString("latin1", 257, 265);
  const isUstar = magic === "ustar\u000000";
  const size = sizeOf(block);
  if (sum !== recorded || size === undefined || !(isUstar || magic === "ustar  \0")) {
    return undefined;
  }
  const prefix = isUstar ? text(block, 345, 155) : "";
  const name = text(block, 0, 100);
  const type = block.toString("latin1", 156, 157).replace("\0", "0");
  return { name: prefix === "" ? name : `${prefix}/${name}`, type, size };
}

async function readBytes(file: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}

const isEmpty = (block: Buffer): boolean => block.every((byte) => byte === 0);

function nameProblem(name: string, members: readonly TarMember[]): string | undefined {
  if (name === "" || name.startsWith("/") || name.split("/").includes("..")) {
    return `the path ${JSON.stringify(name)} leads out of it`;
  }
  return members.some((one) => one.name === name) ? `${name} is in it twice` : undefined;
}

async function listMembers(
  file: FileHandle,
  invalid: (problem: string) => VmbuildError,
): Promise<TarMember[]> {
  const { size: total } = await file.stat();
  const members: TarMember[] = [];
  let longName: string | undefined;
  let at = 0;
  for (;;) {
    const block = await readBytes(file, at, BLOCK);
    if (block.length < BLOCK) throw invalid("it is cut off");
    if (isEmpty(block)) {
      // The tar of busybox goes on after a single empty block.
      if (isEmpty(await readBytes(file, at + BLOCK, BLOCK))) break;
      throw invalid(`it goes on after its end at byte ${at}`);
    }
    const header = readHeader(block);
    if (!header) throw invalid(`it has no valid header at byte ${at}`);
    const offset = at + BLOCK;
    const { type, size } = header;
    if (offset + size > total) throw invalid("it is cut off");
    const name = (longName ?? header.name).replace(/^(\.\/)+/, "");
    if (type === "L") {
      if (size > MAX_NAME) throw invalid(`a name has ${size} bytes`);
      longName = (await readBytes(file, offset, size)).toString("utf8").replace(/\0$/, "");
    } else if (type === "0") {
      const problem = nameProblem(name, members);
      if (problem !== undefined) throw invalid(problem);
      members.push({ name, offset, size });
      longName = undefined;
    } else {
      throw invalid(`${name} is ${KINDS[type] ?? `of the type ${JSON.stringify(type)}`}`);
    }
    at = offset + Math.ceil(size / BLOCK) * BLOCK;
  }
  return members;
}

/**
 * Lists the files of an archive in its order.
 * @throws {VmbuildError} BUNDLE_INVALID for an archive that is damaged or cut off, for anything but
 *   files, for PAX headers and sparse files, for a name that occurs twice, and for one that leads
 *   out of the folder into which it is unpacked.
 */
export async function readTar(path: string): Promise<TarMember[]> {
  const invalid = (problem: string): VmbuildError =>
    new VmbuildError("BUNDLE_INVALID", `${path} is not a release bundle: ${problem}`);
  const file = await open(path, "r").catch((cause: unknown) => {
    throw new VmbuildError("BUNDLE_INVALID", `${path} cannot be read`, { cause });
  });
  try {
    return await listMembers(file, invalid);
  } finally {
    await file.close();
  }
}
