/**
 * Downloads to paths that belong to the user of this host: nothing there is ever removed, and a
 * file that is there is replaced only when that is asked for.
 */
import type { Stats } from "node:fs";
import { chmod, link, lstat, readdir, readlink, realpath, rename } from "node:fs/promises";
import { join, posix, resolve } from "node:path";
import { VmbuildError, systemCode } from "../errors.js";
import { childPath, shownName } from "../host/bytes.js";
import { publish, statIfThere, syncToDisk } from "../host/files.js";
import { hashFile } from "../inputs/digest.js";
import { factsInGuest, fetchFile, fetchTree, kindInGuest, withTemporary } from "./download.js";
import type { TransferContext } from "./transfer.js";

/** A download to a path of the user's. */
export interface HostDownload {
  /** In the guest. */
  readonly from: string;
  /** Absolute; a file goes into it when it ends in a slash. */
  readonly to: string;
  /** Replace files that are there. */
  readonly overwrite: boolean;
}

const MOST_LINES = 10;

function refused(message: string, lines: readonly string[] = []): VmbuildError {
  return new VmbuildError("STEP_FAILED", message, {
    lines: [
      ...lines.slice(0, MOST_LINES),
      ...(lines.length > MOST_LINES ? [`and ${lines.length - MOST_LINES} more`] : []),
    ],
    hint: 'Use another path, or set "overwrite": true to replace files. No file was changed.',
  });
}

const exists = (path: string): VmbuildError =>
  refused(`${path} already exists on the host, with different content`);

async function lstatIfThere(path: string | Buffer): Promise<Stats | undefined> {
  try {
    return await lstat(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** The path behind links; the path itself where nothing is there. */
async function behindLinks(path: string): Promise<string> {
  if (!(await lstatIfThere(path))) return path;
  if (await statIfThere(path)) return realpath(path);
  throw new VmbuildError("STEP_FAILED", `${path} is a dangling symbolic link on the host`, {
    hint: "Remove the link, or use another path.",
  });
}

/** Gives a finished file its name, where nothing has that name yet. */
async function publishNew(temporary: string, path: string): Promise<void> {
  await syncToDisk(temporary);
  try {
    await link(temporary, path);
  } catch (error) {
    const code = systemCode(error) ?? "";
    if (code === "EEXIST") throw exists(path);
    // File systems without hard links, such as FAT.
    if (!["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"].includes(code)) throw error;
    if (await lstatIfThere(path)) throw exists(path);
    await publish(temporary, path);
  }
}

async function fileToHost(context: TransferContext, download: HostDownload): Promise<void> {
  const { from, to, overwrite } = download;
  const name = posix.basename(posix.normalize(from));
  const path = await behindLinks(to.endsWith("/") ? join(to, name) : to);
  const facts = await factsInGuest(context, from);
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

/** What is to be done to put one tree into another, and what stands in the way. */
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

/** Compares what was downloaded with what is there; changes nothing. */
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
    const shown = shownName(to);
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
  const path = await behindLinks(resolve(to));
  const old = await lstatIfThere(path);
  if (!old) {
    const fetch = (temporary: string) => fetchTree(context, from, temporary);
    return withTemporary(path, fetch, (temporary) => rename(temporary, path));
  }
  if (!old.isDirectory()) {
    throw new VmbuildError("STEP_FAILED", `${path} on the host is not a folder, but ${from} is`);
  }
  // Inside it, since what lies beside it may be another file system.
  await withTemporary(
    join(path, "vmbuild"),
    (temporary) => fetchTree(context, from, temporary),
    async (temporary) => {
      const options = { overwrite, signal: context.signal };
      const merge = await planMerge(Buffer.from(temporary), Buffer.from(path), options);
      if (merge.conflicts.length > 0) {
        throw refused(
          `The contents of ${from} cannot be copied to ${path} on the host`,
          merge.conflicts,
        );
      }
      for (const move of merge.moves) await rename(move.from, move.to);
    },
  );
}

/**
 * Downloads a file or a folder to a path of the user's.
 * @throws {VmbuildError} STEP_FAILED where something else is there, with nothing changed.
 */
export async function downloadToHost(
  context: TransferContext,
  download: HostDownload,
): Promise<void> {
  const kind = await kindInGuest(context, download.from);
  return kind === "file" ? fileToHost(context, download) : treeToHost(context, download);
}
