/** A folder of the host as a list of what it holds, and a tar stream as a folder of the host. */
import { createWriteStream } from "node:fs";
import { chmod, link, lstat, mkdir, readdir, readlink, symlink } from "node:fs/promises";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract } from "tar-stream";
import type { Header } from "tar-stream";
import { VmbuildError } from "../errors.js";
import { childPath, shownName } from "./bytes.js";

/** What a tree holds. Names are bytes, which need not be UTF-8. Sizes are bytes. */
export interface TreeEntry {
  /** Relative to the tree, with `/`; for people. */
  readonly name: string;
  /** The same, as the file system has it. */
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
 * All that lies in a folder, dot files too, parents before their children, in a fixed order.
 * Symbolic links stay links.
 * @throws {VmbuildError} INPUT_MISSING for a socket, a device or a pipe.
 */
export async function listTree(root: string, below?: Buffer): Promise<TreeEntry[]> {
  const entries: TreeEntry[] = [];
  const folder = below === undefined ? Buffer.from(root) : childPath(root, below);
  for (const child of (await readdir(folder, AS_BYTES)).toSorted((a, b) => Buffer.compare(a, b))) {
    const bytes = below === undefined ? child : childPath(below, child);
    const path = childPath(folder, child);
    const status = await lstat(path);
    const { mtime } = status;
    const common = { name: shownName(bytes), bytes, path, mode: status.mode & 0o7777, mtime };
    if (status.isDirectory()) {
      entries.push({ ...common, type: "directory", size: 0 }, ...(await listTree(root, bytes)));
    } else if (status.isSymbolicLink()) {
      const linkname = await readlink(path, AS_BYTES);
      entries.push({ ...common, type: "symlink", size: 0, linkname });
    } else if (status.isFile()) {
      entries.push({ ...common, type: "file", size: status.size });
    } else {
      const message = `${shownName(path)} is not a file, folder or symbolic link`;
      throw new VmbuildError("INPUT_MISSING", message, {
        hint: "Sockets, devices and pipes cannot be uploaded; remove it from the folder.",
      });
    }
  }
  return entries;
}

/**
 * The names in a header as bytes. They were read byte by byte, but for those of pax headers, which
 * are UTF-8 and which tar-stream decodes by itself.
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

function placeInside(root: string, name: Buffer): Buffer {
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
  const message = `The guest sent a path outside the folder: ${shownName(name)}`;
  throw new VmbuildError("STEP_FAILED", message);
}

/** `filenameEncoding` is in tar-stream's README, but not in its types. */
const READ_OPTIONS = { highWaterMark: 16 * 1024, filenameEncoding: "latin1" };

const parentOf = (path: Buffer): Buffer => path.subarray(0, path.lastIndexOf("/"));

/**
 * Writes a tar stream below `root`, a folder that is empty. The guest is not trusted with the
 * host's files: a name that leads out of the folder is an error, and links are made last, so
 * that nothing is written through one.
 */
export async function unpackTree(source: Readable, root: string): Promise<void> {
  const archive = extract(READ_OPTIONS);
  const done = pipeline(source, archive);
  // Where the loop fails first, its error counts; this one is then a consequence.
  done.catch(() => {});
  const modes: [path: Buffer, mode: number][] = [];
  const hardLinks: [path: Buffer, target: Buffer][] = [];
  const links: [path: Buffer, target: Buffer][] = [];
  for await (const entry of archive) {
    const { type, mode } = entry.header;
    const { name, linkname } = namesOf(entry.header);
    const path = placeInside(root, name);
    await mkdir(type === "directory" ? path : parentOf(path), { recursive: true });
    if (type === "directory") modes.push([path, mode | 0o700]);
    // Without the bits that would let others run it as us.
    if (type === "file") modes.push([path, mode & 0o777]);
    if (type === "link") hardLinks.push([path, placeInside(root, linkname)]);
    if (type === "symlink") links.push([path, linkname]);
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
