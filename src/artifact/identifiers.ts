/** Gives reproducible images the same identifiers each time. */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { MachineFacts } from "./format.js";

/** Returns 32 bytes that depend on the template's name and version, and on a purpose. */
export function stableBytes({ name, version }: MachineFacts, purpose: string): Buffer {
  return createHash("sha256")
    .update(JSON.stringify(["vmbuild", name, version, purpose]))
    .digest();
}

/**
 * Returns the bytes of a UUID of version 8 (RFC 9562) in the byte order of Microsoft's GUIDs, as
 * VirtualBox and Hyper-V store them.
 */
export function stableUuid(machine: MachineFacts, purpose: string): Buffer {
  const uuid = Buffer.from(stableBytes(machine, purpose).subarray(0, 16));
  uuid[7] = ((uuid[7] ?? 0) & 0x0f) | 0x80;
  uuid[8] = ((uuid[8] ?? 0) & 0x3f) | 0x80;
  return uuid;
}

/** Reads bytes of a file. */
export async function readAt(path: string, offset: number, length: number): Promise<Buffer> {
  await using handle = await open(path, "r");
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await handle.read(bytes, 0, length, offset);
  return bytes.subarray(0, bytesRead);
}

/** Overwrites bytes of a file, each at its offset. */
export async function writeAt(
  path: string,
  edits: readonly (readonly [offset: number, bytes: Buffer])[],
): Promise<void> {
  await using handle = await open(path, "r+");
  for (const [offset, bytes] of edits) await handle.write(bytes, 0, bytes.length, offset);
}

/** Polynomial of CRC-32C (Castagnoli), with its bits reversed. */
const CASTAGNOLI = 0x82f63b78;

/** Computes a CRC-32C, the checksum of VHDX headers (MS-VHDX, 2.2.2). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ CASTAGNOLI : crc >>> 1;
  }
  return ~crc >>> 0;
}
