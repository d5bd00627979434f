/** A folder of the host as a tar stream, and a tar stream as a folder of the host. */
import { createReadStream, createWriteStream } from "node:fs";
import { chmod, link, lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract, pack } from "tar-stream";
import type { Header, Pack } from "tar-stream";
import { VmbuildError } from "../errors.js";

/** What a tree holds. Sizes are bytes. */
export interface TreeEntry {
  /** Relative to the tree, with `/`. */
  readonly name: string;
  readonly path: string;
  readonly type: "file" | "directory" | "symlink";
  readonly mode: number;
  readonly size: number;
  readonly mtime: Date;
  readonly linkname?: string;
}

/**
 * All that lies in a folder, dot files too, parents before their children, in a fixed order.
 * Symbolic links stay links.
 * @throws {VmbuildError} INPUT_MISSING for a socket, a device or a pipe.
 */
export async function listTree(root: string, below = ""): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const names = await readdir(join(root, below));
  for (const child of names.toSorted()) {
    const name = below === "" ? child : `${below}/${child}`;
    const path = join(root, name);
    const status = await lstat(path);
    const common = { name, path, mode: status.mode & 0o7777, mtime: status.mtime };
    if (status.isDirectory()) {
      entries.push({ ...common, type: "directory", size: 0 }, ...(await listTree(root, name)));
    } else if (status.isSymbolicLink()) {
      entries.push({ ...common, type: "symlink", size: 0, linkname: await readlink(path) });
    } else if (status.isFile()) {
      entries.push({ ...common, type: "file", size: status.size });
    } else {
      throw new VmbuildError("INPUT_MISSING", `${path} is neither file, folder nor link`, {
        hint: "Sockets, devices and pipes cannot be uploaded; take it out of the folder.",
      });
    }
  }
  return entries;
}

async function writeEntry(
  archive: Pack,
  entry: TreeEntry,
  onBytes: (n: number) => void,
): Promise<void> {
  const header: Partial<Header> & { name: string } = {
    name: entry.name,
    type: entry.type,
    mode: entry.mode,
    mtime: entry.mtime,
    size: entry.size,
    ...(entry.linkname === undefined ? {} : { linkname: entry.linkname }),
  };
  if (entry.type !== "file") {
    archive.entry(header, "");
    return;
  }
  const source = createReadStream(entry.path, { highWaterMark: 256 * 1024 });
  source.on("data", (chunk) => onBytes(chunk.length));
  await pipeline(source, archive.entry(header));
}

/** A tar stream of the entries; files are read while it is consumed. */
export function packTree(
  entries: readonly TreeEntry[],
  onBytes: (bytes: number) => void,
): Readable {
  const archive = pack();
  const write = async (): Promise<void> => {
    for (const entry of entries) await writeEntry(archive, entry, onBytes);
    archive.finalize();
  };
  // A file that shrinks or vanishes while it is read ends the stream with that error.
  write().catch((error: unknown) => archive.destroy(error as Error));
  return Readable.from(archive);
}

function placeInside(root: string, name: string): string {
  const path = resolve(root, name);
  if (path === root || path.startsWith(root + sep)) return path;
  throw new VmbuildError("STEP_FAILED", `The guest sent a path that leaves the folder: ${name}`);
}

/**
 * Writes a tar stream below `root`, a folder that is empty. The guest is not trusted with the
 * host's files: a name that leads out of the folder is an error, and links are made last, so
 * that nothing is written through one.
 */
export async function unpackTree(source: Readable, root: string): Promise<void> {
  const archive = extract();
  const done = pipeline(source, archive);
  // Where the loop fails first, its error counts; this one is then a consequence.
  done.catch(() => {});
  const modes: [path: string, mode: number][] = [];
  const hardLinks: [path: string, target: string][] = [];
  const links: [path: string, target: string][] = [];
  for await (const entry of archive) {
    const { name, type, mode, linkname } = entry.header;
    const path = placeInside(root, name);
    await mkdir(type === "directory" ? path : dirname(path), { recursive: true });
    if (type === "directory") modes.push([path, mode | 0o700]);
    // Without the bits that would let others run it as us.
    if (type === "file") modes.push([path, mode & 0o777]);
    if (type === "link") hardLinks.push([path, placeInside(root, linkname ?? "")]);
    if (type === "symlink") links.push([path, linkname ?? ""]);
    if (type === "file") await pipeline(entry, createWriteStream(path, { flags: "wx" }));
    else entry.resume();
  }
  await done;
  for (const [path, target] of hardLinks) await link(target, path);
  // After all else, so that a folder that may not be written to can be filled first; before
  // symbolic links, so that none is followed.
  for (const [path, mode] of modes.toReversed()) await chmod(path, mode);
  for (const [path, target] of links) await symlink(target, path);
}
