/**
 * Downloads to paths chosen by the user: nothing there is removed, and an existing file is replaced
 * only when the template asks for it.
 */
import type { Stats } from "node:fs";
import { chmod, link, lstat, readdir, readlink, realpath, rename } from "node:fs/promises";
import { join, posix, resolve } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { childPath, displayName } from "../host/file-names.js";
import { publish, statIfThere, syncToDisk } from "../host/files.js";
import { hashFile } from "../inputs/digest.js";
import { guestFileFacts, fetchFile, fetchTree, guestPathKind, withTemporary } from "./download.js";
import type { TransferContext } from "./transfer.js";

/** Download to a path chosen by the user. */
export interface HostDownload {
  /** Path in the guest. */
  readonly from: string;
  /** Absolute path. A file goes into it when it ends in a slash. */
  readonly to: string;
  /** Replaces existing files. */
  readonly overwrite: boolean;
}

const MAX_LINES = 10;

function refusedError(message: string, lines: readonly string[] = []): VmbuildError {
  return new VmbuildError("STEP_FAILED", message, {
    lines: [
      ...lines.slice(0, MAX_LINES),
      ...(lines.length > MAX_LINES ? [`and ${lines.length - MAX_LINES} more`] : []),
    ],
    hint: 'Use another path, or set "overwrite": true to replace files. No file was changed.',
  });
}

const exists = (path: string): VmbuildError =>
  refusedError(`${path} already exists on the host, with different content`);

async function lstatIfThere(path: string | Buffer): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Resolves symbolic links. Returns the path itself where nothing exists. */
async function followLinks(path: string): Promise<string> {
  if (!(await lstatIfThere(path))) return path;
  if (await statIfThere(path)) return realpath(path);
  throw new VmbuildError("STEP_FAILED", `${path} is a dangling symbolic link on the host`, {
    hint: "Remove the link, or use another path.",
  });
}

/** Renames a finished file to its final name, which must not exist yet. */
async function publishNew(temporary: string, path: string): Promise<void> {
  await syncToDisk(temporary);
  try {
    await link(temporary, path);
  } catch (error) {
    const code = systemCode(error) ?? "";
    if (code === "EEXIST") throw exists(path);
    // Some file systems, such as FAT, have no hard links.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code)) throw error;
    if (await lstatIfThere(path)) throw exists(path);
    await publish(temporary, path);
  }
}

async function fileToHost(context: TransferContext, download: HostDownload): Promise<void> {
  const { from, to, overwrite } = download;
  const name = posix.basename(posix.normalize(from));
  const path = await followLinks(to.endsWith("/") ? join(to, name) : to);
  const facts = await guestFileFacts(context, from);
  const old = await lstatIfThere(path);
  if (old?.isDirectory()) {
    throw new VmbuildError("STEP_FAILED", `${path} is a folder on the host`, {
      hint: "Add a slash to the end of the path to place the file into the folder.",
    });
  }
  if (old && !old.isFile()) {
    throw new VmbuildError("STEP_FAILED", `${path} on the host is not a regular file`);
  }
  if (old?.size === facts.size) {
    const { sha256 } = await hashFile(path, [], context.signal);
    if (sha256 === facts.sha256) return;
  }
  if (old && !overwrite) throw exists(path);
  await withTemporary(
    path,
    (temporary) => fetchFile(context, from, facts, temporary),
    async (temporary) => {
      if (!old) return publishNew(temporary, path);
      await chmod(temporary, old.mode & 0o7777);
      await publish(temporary, path);
    },
  );
}

/** Operations that merge one tree into another, and the conflicts that prevent it. */
interface Merge {
  readonly moves: { readonly from: Buffer; readonly to: Buffer }[];
  readonly conflicts: string[];
}

interface Placed {
  readonly path: Buffer;
  readonly status: Stats;
}

async function isSame(one: Placed, other: Placed, signal: AbortSignal): Promise<boolean> {
  if (one.status.isSymbolicLink() && other.status.isSymbolicLink()) {
    const asBytes = { encoding: "buffer" } as const;
    return (await readlink(one.path, asBytes)).equals(await readlink(other.path, asBytes));
  }
  if (!one.status.isFile() || !other.status.isFile()) return false;
  if (one.status.size !== other.status.size) return false;
  const [first, second] = [
    await hashFile(one.path, [], signal),
    await hashFile(other.path, [], signal),
  ];
  return first.sha256 === second.sha256;
}

/** Compares the downloaded tree with the existing one. Changes nothing. */
async function planMerge(
  fresh: Buffer,
  place: Buffer,
  options: { readonly overwrite: boolean; readonly signal: AbortSignal },
  merge: Merge = { moves: [], conflicts: [] },
): Promise<Merge> {
  for (const name of await readdir(fresh, { encoding: "buffer" })) {
    const [from, to] = [childPath(fresh, name), childPath(place, name)];
    const old = await lstatIfThere(to);
    const status = await lstat(from);
    const shown = displayName(to);
    if (!old) merge.moves.push({ from, to });
    else if (status.isDirectory() && old.isDirectory()) await planMerge(from, to, options, merge);
    else if (status.isDirectory()) merge.conflicts.push(`${shown} is not a folder`);
    else if (old.isDirectory()) merge.conflicts.push(`${shown} is a folder`);
    else if (await isSame({ path: from, status }, { path: to, status: old }, options.signal)) {
      continue;
    } else if (options.overwrite) merge.moves.push({ from, to });
    else merge.conflicts.push(`${shown} exists with different content`);
  }
  return merge;
}

async function treeToHost(context: TransferContext, download: HostDownload): Promise<void> {
  const { from, to, overwrite } = download;
  const path = await followLinks(resolve(to));
  const old = await lstatIfThere(path);
  if (!old) {
    const fetch = (temporary: string) => fetchTree(context, from, temporary);
    return withTemporary(path, fetch, (temporary) => rename(temporary, path));
  }
  if (!old.isDirectory()) {
    throw new VmbuildError("STEP_FAILED", `${path} on the host is not a folder, but ${from} is`);
  }
  // The temporary folder is inside the target, because its parent may be on another file system.
  await withTemporary(
    join(path, "vmbuild"),
    (temporary) => fetchTree(context, from, temporary),
    async (temporary) => {
      const options = { overwrite, signal: context.signal };
      const merge = await planMerge(Buffer.from(temporary), Buffer.from(path), options);
      if (merge.conflicts.length > 0) {
        throw refusedError(
          `The contents of ${from} cannot be copied to ${path} on the host`,
          merge.conflicts,
        );
      }
      for (const move of merge.moves) await rename(move.from, move.to);
    },
  );
}

/**
 * Downloads a file or a folder to a path chosen by the user.
 * @throws {VmbuildError} STEP_FAILED where something else exists at that path; nothing is changed
 *   then.
 */
export async function downloadToHost(
  context: TransferContext,
  download: HostDownload,
): Promise<void> {
  const kind = await guestPathKind(context, download.from);
  return kind === "file" ? fileToHost(context, download) : treeToHost(context, download);
}
