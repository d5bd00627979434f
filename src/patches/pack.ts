/** Packs a folder of patches as a `.tgz` file that the tar of busybox reads. */
import { createWriteStream } from "node:fs";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { packTree } from "../host/tar-write.js";
import { listTree } from "../host/tree.js";
import type { TreeEntry } from "../host/tree.js";

/** Compression of zlib: packages and wheels are compressed already. */
const LEVEL = 1;

/** Returns an entry below the folder of the archive, readable for everybody. */
function below(top: string, entry: TreeEntry): TreeEntry {
  const bytes = Buffer.concat([Buffer.from(`${top}/`), entry.bytes]);
  return { ...entry, bytes, mode: entry.type === "directory" ? 0o755 : 0o644 };
}

/**
 * Writes an archive of a folder's content.
 * @param top name of the folder that the archive contains.
 * @param to path of the archive, which must not exist.
 * @throws the error of the file system when it cannot be written.
 */
export async function packPatches(
  folder: string,
  top: string,
  to: string,
  signal: AbortSignal,
): Promise<void> {
  const entries = await listTree(folder);
  const newest = Math.max(0, ...entries.map(({ mtime }) => mtime.getTime()));
  const common = { path: Buffer.from(folder), mode: 0o755, size: 0, mtime: new Date(newest) };
  const first: TreeEntry = { ...common, name: top, bytes: Buffer.from(top), type: "directory" };
  const packed = packTree([first, ...entries.map((entry) => below(top, entry))], () => {});
  const file = createWriteStream(to, { flags: "wx" });
  await pipeline(packed, createGzip({ level: LEVEL }), file, { signal });
}
