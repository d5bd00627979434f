/**
 * Lays out the bundle of a build below a folder of this host, with the paths that its files came
 * from. Each build has one folder, so that what its runs write there stays, as it does on the host
 * of the template, and files that have not changed are not copied again.
 */
import { constants } from "node:fs";
import { chmod, copyFile, mkdir, readdir, rm, rmdir, stat, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { systemCode } from "../../errors.js";
import { readIfThere, statIfThere, writeFileAtomic } from "../../host/files.js";
import type { BundleEntry } from "../messages.js";
import type { ContentStore } from "./store.js";

type FileEntry = Extract<BundleEntry, { type: "file" }>;

/** What was laid out: the files with their contents and times, and the paths of the rest. */
const listSchema = z.object({
  files: z.record(z.string(), z.object({ sha256: z.string(), mtimeMs: z.number() })),
  links: z.array(z.string()),
  folders: z.array(z.string()),
});
type List = z.infer<typeof listSchema>;

/** Folder of a build's bundle. */
export interface BundleFolder {
  /** Folder below which the files have their paths. Absolute. */
  readonly tree: string;
  readonly list: string;
  readonly lock: string;
}

/** Returns the paths of a build's bundle. Pure. */
export function bundleFolder(folder: string, name: string): BundleFolder {
  const own = join(folder, "bundles", name);
  return { tree: join(own, "files"), list: join(own, "bundle.json"), lock: join(own, "lock") };
}

async function readList({ list }: BundleFolder): Promise<List> {
  const text = await readIfThere(list);
  const nothing = { files: {}, links: [], folders: [] };
  if (text === undefined) return nothing;
  try {
    return listSchema.parse(JSON.parse(text));
  } catch {
    // Everything is written again, which the list describes afterwards.
    return nothing;
  }
}

/** Removes what an earlier bundle has laid out and this one does not have. */
async function removeOld(root: string, before: List, entries: readonly BundleEntry[]) {
  const pathsOf = (type: BundleEntry["type"]): Set<string> =>
    new Set(entries.flatMap((entry) => (entry.type === type ? [entry.path] : [])));
  const [filePaths, folderPaths] = [pathsOf("file"), pathsOf("directory")];
  const files = Object.keys(before.files).filter((path) => !filePaths.has(path));
  // Links are created anew at the end, so that nothing is written through one.
  for (const path of [...files, ...before.links]) {
    await rm(join(root, path), { recursive: true, force: true });
  }
  for (const path of before.folders.filter((one) => !folderPaths.has(one)).toReversed()) {
    await rmdir(join(root, path)).catch((error: unknown) => {
      // Runs have written to it, or it was removed.
      if (!["ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) {
        throw error;
      }
    });
  }
}

/** Writes a file unless it is there as it was laid out; returns its time of change. */
async function writeFile(
  path: string,
  entry: FileEntry,
  known: List["files"][string] | undefined,
  store: ContentStore,
): Promise<number> {
  const status = await statIfThere(path);
  const isSame = known?.sha256 === entry.sha256 && Number(status?.mtimeMs) === known.mtimeMs;
  if (!isSame || status?.isFile() !== true || Number(status.size) !== entry.size) {
    await rm(path, { recursive: true, force: true });
    // Shared with the store where the file system can do that, so that a large image is no copy.
    await copyFile(store.pathOf(entry), path, constants.COPYFILE_FICLONE);
  }
  await chmod(path, entry.mode | 0o400);
  return (await stat(path)).mtimeMs;
}

async function makeLink(target: string, path: string): Promise<void> {
  try {
    await symlink(target, path);
  } catch (error) {
    // A template also names a file by a path through the link.
    if (systemCode(error) !== "EEXIST") throw error;
  }
}

/**
 * Lays out a bundle in place of the last one of the build. Only for the holder of the folder's lock,
 * while no run of the build is in progress.
 */
export async function layOut(
  place: BundleFolder,
  entries: readonly BundleEntry[],
  store: ContentStore,
): Promise<void> {
  const { tree, list } = place;
  await mkdir(tree, { recursive: true, mode: 0o700 });
  const before = await readList(place);
  await removeOld(tree, before, entries);
  const after: List = { files: {}, links: [], folders: [] };
  const at = (path: string): string => join(tree, path);
  for (const entry of entries) {
    const folder = entry.type === "directory" ? at(entry.path) : dirname(at(entry.path));
    await mkdir(folder, { recursive: true });
    if (entry.type === "directory") {
      after.folders.push(entry.path);
      // Read-only folders are filled first.
      await chmod(folder, 0o700);
    }
    if (entry.type === "symlink") after.links.push(entry.path);
    if (entry.type !== "file") continue;
    const { sha256 } = entry;
    const mtimeMs = await writeFile(at(entry.path), entry, before.files[entry.path], store);
    after.files[entry.path] = { sha256, mtimeMs };
  }
  for (const entry of entries.toReversed()) {
    if (entry.type === "directory") await chmod(at(entry.path), entry.mode | 0o700);
  }
  for (const entry of entries) {
    if (entry.type === "symlink") await makeLink(entry.link, at(entry.path));
  }
  await writeFileAtomic(list, `${JSON.stringify(after)}\n`, 0o600);
}

/**
 * Removes bundles that were not laid out since a time.
 * @param before milliseconds since the epoch.
 * @param isUsed returns whether a run in progress uses a folder.
 */
export async function pruneBundles(
  folder: string,
  before: number,
  isUsed: (tree: string) => boolean,
): Promise<void> {
  const bundles = join(folder, "bundles");
  if (!(await statIfThere(bundles))) return;
  for (const name of await readdir(bundles)) {
    const { tree, list } = bundleFolder(folder, name);
    const laidOut = Number((await statIfThere(list))?.mtimeMs ?? Infinity);
    if (laidOut >= before || isUsed(tree)) continue;
    await rm(join(bundles, name), { recursive: true, force: true });
  }
}
