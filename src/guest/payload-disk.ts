/**
 * Uploads large files and folders through a read-only disk that is plugged in for the purpose: this
 * runs at the speed of the page cache, whereas SSH has to encrypt every byte.
 */
import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { hashFile } from "../inputs/digest.js";
import { progressCounter, runTransfer } from "./transfer.js";
import type { TransferContext } from "./transfer.js";
import { packTree } from "../host/tar-write.js";
import { chownLinks, inspectDestination } from "./tree-destination.js";
import { listTree } from "../host/tree.js";
import { receiveCommand, requireIntact, unpackCommand } from "./upload.js";
import type { Ownership, TreeUpload } from "./upload.js";

/**
 * Size from which a disk is faster than SSH, although plugging it in takes about a second. Bytes.
 */
export const PAYLOAD_DISK_MIN_BYTES = 100 * 2 ** 20;

/** Slot through which a running machine can present a file of the host as a disk. */
export interface DiskSlot {
  plug(path: string): Promise<{ readonly serial: string; unplug(): Promise<void> }>;
}

/**
 * Shell script that finds the disk by its serial number and prints its content. The kernel may need
 * a moment to detect it. Exit code 96 means that it never appeared.
 */
function readDiskScript(serial: string, size: number): string {
  return [
    `{ d=; n=0`,
    `while [ -z "$d" ]; do`,
    `for s in /sys/block/*/serial; do [ "$(cat "$s" 2>/dev/null)" = ${serial} ] && d=\${s%/serial}; done`,
    `n=$((n+1)); [ $n -lt 100 ] || { echo "the disk did not appear" >&2; exit 96; }`,
    `[ -n "$d" ] || sleep 0.1; done`,
    `head -c ${size} "/dev/\${d##*/}"; }`,
  ].join("\n");
}

async function withDisk<T>(slot: DiskSlot, path: string, use: (serial: string) => Promise<T>) {
  const disk = await slot.plug(path);
  try {
    return await use(disk.serial);
  } finally {
    await disk.unplug();
  }
}

/** File of the host, its destination in the guest, and its mode and owner there. */
export interface FileUpload extends Ownership {
  readonly source: string;
  readonly to: string;
}

/** Uploads one large file. Its SHA-256 is computed on both sides at the same time. */
export async function uploadLargeFile(
  context: TransferContext,
  slot: DiskSlot,
  { source, to, mode: wantedMode, owner }: FileUpload,
): Promise<void> {
  const { size, mode } = await stat(source);
  const onBytes = progressCounter(context.emit, `upload ${basename(source)}`, size);
  await withDisk(slot, source, async (serial) => {
    const owned = { mode: wantedMode ?? mode & 0o7777, owner };
    const command = receiveCommand(to, readDiskScript(serial, size), owned);
    const [answer, { sha256 }] = await Promise.all([
      runTransfer(context, { command, what: `Uploading to ${to}` }),
      hashFile(source, [], context.signal, onBytes),
    ]);
    requireIntact(answer, size, sha256, to);
  });
}

/**
 * Uploads a large folder as a tar file that the guest reads as a disk.
 * @param scratch path for that file, which is removed afterwards.
 */
export async function uploadLargeTree(
  context: TransferContext,
  slot: DiskSlot,
  { source, to, owner }: TreeUpload,
  scratch: string,
): Promise<void> {
  const placed = await inspectDestination(context, await listTree(source), to, owner);
  const total = placed.entries.reduce((sum, entry) => sum + entry.size, 0);
  const onBytes = progressCounter(context.emit, `upload ${basename(source)}/`, total);
  try {
    const file = createWriteStream(scratch, { flags: "wx", mode: 0o600 });
    const packed = packTree(placed.entries, onBytes, placed.owner);
    await pipeline(packed, file, { signal: context.signal });
    const { size } = await stat(scratch);
    await withDisk(slot, scratch, async (serial) => {
      const command = unpackCommand(to, readDiskScript(serial, size), placed.owner);
      await runTransfer(context, { command, what: `Uploading to ${to}` });
    });
    await chownLinks(context, placed, to);
  } finally {
    await rm(scratch, { force: true });
  }
}
