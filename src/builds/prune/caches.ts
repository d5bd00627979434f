/** What lies in the caches, how old it is, and what of it may go. */
import { open, readFile, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { readRecords, workPaths } from "../../checkpoints/records.js";
import { displayUrl } from "../../inputs/address.js";
import { sizeOnDisk, statIfThere } from "../../host/files.js";
import { formatBytes } from "../../host/format.js";
import { hostPaths } from "../../host/paths.js";

/** One download, git tree, base, or booted guest's state. */
export interface CacheItem {
  readonly kind: "input" | "base" | "ready";
  /** Its folder; absolute. */
  readonly path: string;
  /** As a user knows it: an address, an image's name. */
  readonly label: string;
  /** Bytes on disk. */
  readonly size: number;
  /** Milliseconds since the epoch. */
  readonly usedAt: number;
}

/** Which items go, with the reason. Sizes are bytes, times milliseconds. */
export interface CacheLimits {
  readonly olderThanMs: number;
  readonly maxSize: number;
  readonly all: boolean;
  readonly now: number;
}

const metaSchema = z.object({ url: z.string(), ref: z.string().optional() });

/** What tells one booted guest from another. */
async function readyLabel(path: string): Promise<string> {
  const records = await readRecords(workPaths(path));
  if (!records) return "checkpoint of a booted guest";
  const { accelerator, memory } = records.machine.shape;
  return `checkpoint of a booted guest (${formatBytes(memory)}, ${accelerator})`;
}

async function labelOf(path: string): Promise<string> {
  try {
    const text = await readFile(join(path, "meta.json"), "utf8");
    const { url, ref } = metaSchema.parse(JSON.parse(text));
    return displayUrl(url) + (ref === undefined ? "" : ` ${ref}`);
  } catch {
    // A base has none, and neither has a download that was cut off: then a file's name must do.
    const names = await readdir(path);
    return names.find((name) => /\.(qcow2|part)$/.test(name)) ?? basename(path);
  }
}

async function itemsIn(kind: CacheItem["kind"], folder: string): Promise<CacheItem[]> {
  if (!(await statIfThere(folder))) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  // Entries are named by hash; other folders (`paths`) are small records.
  const folders = entries.filter(
    (entry) => entry.isDirectory() && /^[0-9a-f]{20}$/.test(entry.name),
  );
  const items = folders.map(async ({ name }): Promise<CacheItem | undefined> => {
    const path = join(folder, name);
    const usedAt = Number((await statIfThere(path))?.mtimeMs ?? 0);
    const label = await (kind === "ready" ? readyLabel(path) : labelOf(path));
    return { kind, path, label, size: await sizeOnDisk(path), usedAt };
  });
  return (await Promise.all(items)).filter((item) => item !== undefined);
}

/** Everything in the caches, least recently used first. */
export async function readCaches(): Promise<CacheItem[]> {
  const { inputs, bases, ready } = hostPaths();
  const items = [
    ...(await itemsIn("input", inputs)),
    ...(await itemsIn("base", bases)),
    ...(await itemsIn("ready", ready)),
  ];
  return items.toSorted((a, b) => a.usedAt - b.usedAt);
}

/**
 * Chooses what goes: what is too old, then the least recently used until the rest is small
 * enough. Pure.
 * @param items least recently used first; `mayGo` says which of them nobody needs.
 */
export function chooseItems(
  items: readonly CacheItem[],
  limits: CacheLimits,
  mayGo: (item: CacheItem) => boolean,
): { item: CacheItem; reason: string }[] {
  const chosen: { item: CacheItem; reason: string }[] = [];
  let total = items.reduce((sum, item) => sum + item.size, 0);
  for (const item of items) {
    if (!mayGo(item)) continue;
    const age = limits.now - item.usedAt;
    const reason = limits.all
      ? "--all"
      : age > limits.olderThanMs
        ? `not used for ${Math.floor(age / 86_400_000)} days`
        : total > limits.maxSize
          ? "least recently used"
          : undefined;
    if (reason === undefined) continue;
    chosen.push({ item, reason });
    total -= item.size;
  }
  return chosen;
}

/**
 * The file that a qcow2 overlay lies on, from its header (QEMU's docs/interop/qcow2.txt: the
 * name's offset at byte 8, its length at byte 16). Undefined where there is none.
 */
export async function backingFileOf(path: string): Promise<string | undefined> {
  if (!(await statIfThere(path))) return undefined;
  const handle = await open(path, "r");
  try {
    const header = Buffer.alloc(20);
    const { bytesRead } = await handle.read(header, 0, header.length, 0);
    if (bytesRead < header.length || header.toString("latin1", 0, 4) !== "QFI\u00fb") {
      return undefined;
    }
    const offset = Number(header.readBigUInt64BE(8));
    const length = header.readUInt32BE(16);
    // The format allows 1023 bytes.
    if (offset === 0 || length === 0 || length > 1023) return undefined;
    const name = Buffer.alloc(length);
    await handle.read(name, 0, length, offset);
    return name.toString("utf8");
  } finally {
    await handle.close();
  }
}
