/** Lists the content of a folder, and unpacks a tar stream into a folder. */
import { createWriteStream } from "node:fs";
import { chmod, link, lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import type { Header } from "tar-stream";
import { VmbuildError } from "../errors.js";
import { childPath, displayName } from "./file-names.js";

/** Entry of a tree. Names are bytes, which need not be UTF-8. Sizes are bytes. */
export interface TreeEntry {
  /** Path relative to the tree, with `/`, for display. */
  readonly name: string;
  /** Same path as bytes, as the file system stores it. */
  readonly bytes: Buffer;
  readonly path: Buffer;
  readonly type: "file" | "directory" | "symlink";
  readonly mode: number;
  readonly size: number;
  readonly mtime: Date;
  readonly linkname?: Buffer;
}

const AS_BYTES = { encoding: "buffer" } as const;

/**
 * Lists everything in a folder, including dot files, parents before children, in a fixed order.
 * Symbolic links are not followed.
 * @param skips returns whether an entry, with all that is below it, is left out.
 * @param below folder of the tree in which to begin, relative to `root`.
 * @throws {VmbuildError} INPUT_MISSING for a socket, a device or a pipe.
 */
export async function listTree(
  root: string,
  skips: (path: string) => boolean = () => false,
  below?: Buffer,
): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const folder = below === undefined ? Buffer.from(root) : childPath(root, below);
  for (const child of (await readdir(folder, AS_BYTES)).toSorted((a, b) => Buffer.compare(a, b))) {
    const bytes = below === undefined ? child : childPath(below, child);
    const path = childPath(folder, child);
    if (skips(path.toString("utf8"))) continue;
    const status = await lstat(path);
    const { mtime } = status;
    const common = { name: displayName(bytes), bytes, path, mode: status.mode & 0o7777, mtime };
    if (status.isDirectory()) {
      entries.push(
        { ...common, type: "directory", size: 0 },
        ...(await listTree(root, skips, bytes)),
      );
    } else if (status.isSymbolicLink()) {
      const linkname = await readlink(path, AS_BYTES);
      entries.push({ ...common, type: "symlink", size: 0, linkname });
    } else if (status.isFile()) {
      entries.push({ ...common, type: "file", size: status.size });
    } else {
      const message = `${displayName(path)} is not a file, folder or symbolic link`;
      throw new VmbuildError("INPUT_MISSING", message, {
        hint: "Sockets, devices and pipes cannot be uploaded; remove it from the folder.",
      });
    }
  }
  return entries;
}

/**
 * Returns the names in a header as bytes. They are read as latin1, except those of pax headers,
 * which are UTF-8 and which tar-stream decodes itself.
 */
function namesOf(header: Header): { name: Buffer; linkname: Buffer } {
  const pax = header.pax as Record<string, string> | null | undefined;
  const bytesOf = (text: string | null | undefined, key: string): Buffer =>
    Buffer.from(text ?? "", pax?.[key] === undefined ? "latin1" : "utf8");
  return {
    name: bytesOf(header.name, "path"),
    linkname: bytesOf(header.linkname, "linkpath"),
  };
}

function resolveInside(root: string, name: Buffer): Buffer {
  const parts = name
    .toString("latin1")
    .split("/")
    .filter((part) => part !== "" && part !== ".");
  if (!parts.includes("..")) {
    return parts.reduce<Buffer>(
      (path, part) => childPath(path, Buffer.from(part, "latin1")),
      Buffer.from(root),
    );
  }
  const message = `The guest sent a path outside the folder: ${displayName(name)}`;
  throw new VmbuildError("STEP_FAILED", message);
}

/**
 * Options of tar-stream. `filenameEncoding` is documented in its README, but missing in its types.
 */
const READ_OPTIONS = { highWaterMark: 16 * 1024, filenameEncoding: "latin1" };

const parentOf = (path: Buffer): Buffer => path.subarray(0, path.lastIndexOf("/"));

/**
 * Unpacks a tar stream into `root`, an empty folder. The guest is not trusted: a name that leads
 * out of the folder is an error, and links are created last, so that nothing is written through
 * one.
 */
export async function unpackTree(source: Readable, root: string): Promise<void> {
  const archive = extract(READ_OPTIONS);
  const done = pipeline(source, archive);
  // If the loop fails first, its error is thrown and this one is only a consequence.
  done.catch(() => {});
  const modes: [path: Buffer, mode: number][] = [];
  const hardLinks: [path: Buffer, target: Buffer][] = [];
  const links: [path: Buffer, target: Buffer][] = [];
  for await (const entry of archive) {
    const { type, mode } = entry.header;
    const { name, linkname } = namesOf(entry.header);
    const path = resolveInside(root, name);
    await mkdir(type === "directory" ? path : parentOf(path), { recursive: true });
    if (type === "directory") modes.push([path, mode | 0o700]);
    // Setuid and setgid bits are dropped, because they would let other users run the file as this
    // user.
    if (type === "file") modes.push([path, mode & 0o777]);
    if (type === "link") hardLinks.push([path, resolveInside(root, linkname)]);
    if (type === "symlink") links.push([path, linkname]);
    if (type === "file") await pipeline(entry, createWriteStream(path, { flags: "wx" }));
    else entry.resume();
  }
  await done;
  for (const [path, target] of hardLinks) await link(target, path);
  // Modes are set last, so that read-only folders can be filled first, but before symbolic links
  // are created, so that none is followed.
  for (const [path, mode] of modes.toReversed()) await chmod(path, mode);
  for (const [path, target] of links) await symlink(target, path);
}
