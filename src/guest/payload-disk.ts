/**
 * Large files and folders into the guest, over a read-only disk that is plugged in for the
 * purpose: at the speed of the page cache, where SSH would have to encrypt every byte.
 */
import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { basename } from "node:path";
import { pipeline } from "node:stream/promises";
import { hashFile } from "../inputs/digest.js";
import { progressCounter, runTransfer } from "./transfer.js";
import type { TransferContext } from "./transfer.js";
import { packTree } from "./tar-write.js";
import { chownLinks, inspectDestination } from "./tree-destination.js";
import { listTree } from "../host/tree.js";
import { receiveCommand, requireIntact, unpackCommand } from "./upload.js";
import type { Ownership, TreeUpload } from "./upload.js";

/** From this size on, a disk beats SSH although plugging it in costs about a second. Bytes. */
export const PAYLOAD_DISK_MIN_BYTES = 100 * 2 ** 20;

/** Something that can show the guest a file of the host as a disk: a running machine. */
export interface DiskSlot {
  plug(path: string): Promise<{ readonly serial: string; unplug(): Promise<void> }>;
}

/** Finds the disk by its serial number; the kernel may need a moment to see it. 96: it never did. */
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

/** Uploads one large file; its sha256 is computed on both sides at the same time. */
export async function uploadLargeFile(
  context: TransferContext,
  slot: DiskSlot,
  source: string,
  to: string,
  ownership: Ownership = {},
): Promise<void> {
  const { size, mode } = await stat(source);
  const onBytes = progressCounter(context.emit, `upload ${basename(source)}`, size);
  await withDisk(slot, source, async (serial) => {
    const owned = { mode: ownership.mode ?? mode & 0o7777, owner: ownership.owner };
    const command = receiveCommand(to, readDiskScript(serial, size), owned);
    const [answer, { sha256 }] = await Promise.all([
      runTransfer(context, { command, what: `Uploading to ${to}` }),
      hashFile(source, [], context.signal, onBytes),
    ]);
    requireIntact(answer, size, sha256, to);
  });
}

/**
 * Uploads a large folder: as a tar file that the guest reads like a disk.
 * @param scratch a path for that file; removed afterwards.
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
