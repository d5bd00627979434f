/** Lists the entries of the caches with their age, and selects those to evict. */
import { open, readFile, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { z } from "zod";
import { readRecords, workPaths } from "../../checkpoints/records.js";
import { displayUrl } from "../../inputs/address.js";
import { sizeOnDisk, statIfThere } from "../../host/files.js";
import { formatBytes } from "../../host/format.js";
import { hostPaths } from "../../host/paths.js";

/** Cache entry: a download, a git tree, a base, or a booted guest. */
export interface CacheItem {
  readonly kind: "input" | "base" | "ready";
  /** Absolute path of its folder. */
  readonly path: string;
  /** Name for the user: an address, or an image's name. */
  readonly label: string;
  /** Size on disk in bytes. */
  readonly size: number;
  /** Time of the last use in milliseconds since the epoch. */
  readonly usedAt: number;
}

/** Limits above which entries are evicted. Sizes are bytes, times milliseconds. */
export interface CacheLimits {
  readonly olderThanMs: number;
  readonly maxSize: number;
  readonly all: boolean;
  readonly now: number;
}

const baseSchema = z.object({ origin: z.string().optional() });
const metaSchema = z.object({ url: z.string(), ref: z.string().optional() });

/** Describes a booted guest by its properties. */
async function readyLabel(path: string): Promise<string> {
  const records = await readRecords(workPaths(path));
  if (!records) return "checkpoint of a booted guest";
  const { accelerator, memory } = records.machine.shape;
  return `checkpoint of a booted guest (${formatBytes(memory)}, ${accelerator})`;
}

async function inputLabel(path: string): Promise<string> {
  try {
    const text = await readFile(join(path, "meta.json"), "utf8");
    const { url, ref } = metaSchema.parse(JSON.parse(text));
    return displayUrl(url) + (ref === undefined ? "" : ` ${ref}`);
  } catch {
    // A download that was cut off has no record; its file's name must do.
    return (await fileIn(path, /\.part$/)) ?? basename(path);
  }
}

const fileIn = async (folder: string, name: RegExp): Promise<string | undefined> =>
  (await readdir(folder)).find((one) => name.test(one));

/** The origin that is recorded beside an image, or else the image's name. */
async function baseLabel(path: string): Promise<string> {
  const name = (await fileIn(path, /\.(qcow2|part)$/)) ?? basename(path);
  const record = await fileIn(path, /\.json$/);
  if (record === undefined) return name;
  try {
    const text = await readFile(join(path, record), "utf8");
    return baseSchema.parse(JSON.parse(text)).origin ?? name;
  } catch {
    // A record that cannot be read is not believed either: the image is made again.
    return name;
  }
}

const LABELS = { input: inputLabel, base: baseLabel, ready: readyLabel };

async function itemsIn(kind: CacheItem["kind"], folder: string): Promise<CacheItem[]> {
  if (!(await statIfThere(folder))) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  // Entries are named by hash; other folders (`paths`) contain small records.
  const folders = entries.filter(
    (entry) => entry.isDirectory() && /^[0-9a-f]{20}$/.test(entry.name),
  );
  const items = folders.map(async ({ name }): Promise<CacheItem | undefined> => {
    const path = join(folder, name);
    const usedAt = Number((await statIfThere(path))?.mtimeMs ?? 0);
    const label = await LABELS[kind](path);
    return { kind, path, label, size: await sizeOnDisk(path), usedAt };
  });
  return (await Promise.all(items)).filter((item) => item !== undefined);
}

/** Lists all cache entries, least recently used first. */
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
 * Selects the entries to evict: those that are too old, then the least recently used ones until the
 * rest is small enough. Pure.
 * @param items least recently used first; `isUnused` tells which of them may be removed.
 */
export function chooseEvictions(
  items: readonly CacheItem[],
  limits: CacheLimits,
  isUnused: (item: CacheItem) => boolean,
): { item: CacheItem; reason: string }[] {
  const chosen: { item: CacheItem; reason: string }[] = [];
  let total = items.reduce((sum, item) => sum + item.size, 0);
  for (const item of items) {
    if (!isUnused(item)) continue;
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
 * Returns the backing file of a qcow2 overlay from its header (QEMU's docs/interop/qcow2.txt: the
 * offset of the name at byte 8, its length at byte 16). Undefined where there is none.
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
