/** Removes everything that a build has on this host, except its artifact unless requested. */
import { readdir, rm, rmdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { checksumPath } from "../artifact/checksum-files.js";
import { ALGORITHMS } from "../artifact/digest.js";
import { MANIFEST_NAME, describingFiles, readManifest } from "../artifact/manifest.js";
import { CACHE_KEY_NAME } from "../artifact/names.js";
import { readOwner } from "../artifact/output-owner.js";
import { VmbuildError, systemCode } from "../errors.js";
import { identifier } from "../fields.js";
import { readIfThere, statIfThere } from "../host/files.js";
import { tryLock } from "../host/lock.js";
import { buildPaths, cleanUp, lockError, readRuns } from "./workspace.js";
import type { BuildPaths } from "./workspace.js";

/** What was removed and what was kept. Absolute paths. */
export interface Destruction {
  readonly removed: readonly string[];
  /** Folders with an artifact of the build. */
  readonly kept: readonly string[];
}

const publishedSchema = z.object({ artifact: z.object({ path: z.string() }) });

/** Returns the folders that hold an artifact of the build, as far as its records name them. */
async function artifactFolders(name: string, build: BuildPaths): Promise<string[]> {
  const paths = (await readRuns(build)).flatMap(({ artifact }) => artifact ?? []);
  const text = await readIfThere(build.published);
  if (text !== undefined) paths.push(...publishedPaths(text));
  const folders = [...new Set(paths.map((path) => dirname(path)))];
  const owned = await Promise.all(
    // A folder that cannot be read, or whose manifest is another program's, is left alone.
    folders.map(async (folder) => (await readOwner(folder).catch(() => undefined)) === name),
  );
  return folders.filter((_folder, index) => owned[index]);
}

function publishedPaths(text: string): string[] {
  try {
    const record = publishedSchema.safeParse(JSON.parse(text));
    return record.success ? [record.data.artifact.path] : [];
  } catch {
    // A record that is not JSON names nothing.
    return [];
  }
}

/** Removes the files that a manifest names, then the manifest, then the folder when it is empty. */
async function removeArtifact(folder: string): Promise<string[]> {
  const manifestPath = join(folder, MANIFEST_NAME);
  const manifest = await readManifest(manifestPath);
  const { files, companions = [] } = manifest;
  const images = files.map(({ name }) => join(folder, name));
  const sums = images.flatMap((image) => ALGORITHMS.map((kind) => checksumPath(image, kind)));
  // A name that leads out of the folder is not one that vmbuild wrote.
  const others = [...companions, ...describingFiles(manifest)].filter((one) =>
    /^(?!\.{1,2}$)[^/\0]+$/.test(one),
  );
  const beside = [CACHE_KEY_NAME, ...others].map((one) => join(folder, one));
  const paths = [...images, ...sums, ...beside, manifestPath];
  const removed: string[] = [];
  for (const path of paths) {
    if (!(await statIfThere(path))) continue;
    await rm(path, { recursive: true, force: true });
    removed.push(path);
  }
  await removeIfEmpty(folder);
  return removed;
}

async function removeIfEmpty(folder: string): Promise<void> {
  try {
    await rmdir(folder);
  } catch (error) {
    if (!["ENOTEMPTY", "EEXIST", "ENOENT", "EBUSY"].includes(systemCode(error) ?? "")) throw error;
  }
}

/**
 * Removes a build that is not running: its working disk, checkpoints, keys, runs and logs. Nothing
 * happens where there is no such build.
 * @param options `artifact`: remove the finished images too, with the files beside them.
 * @throws {VmbuildError} BUILD_UNKNOWN for a text that is not a name; BUILD_LOCKED while a run is in
 *   progress; ARTIFACT_INVALID when the manifest of an artifact cannot be read.
 */
export async function destroyBuild(
  name: string,
  options: { readonly artifact: boolean },
): Promise<Destruction> {
  requireName(name);
  const build = buildPaths(name);
  if (!(await statIfThere(build.folder))) return { removed: [], kept: [] };
  await using lock = await tryLock(build.lock);
  if (!lock) throw await lockError(name, build.lock);
  await cleanUp(build);
  const folders = await artifactFolders(name, build);
  const removed: string[] = [];
  if (options.artifact)
    for (const folder of folders) removed.push(...(await removeArtifact(folder)));
  // The lock's file is last: until then no other run can begin.
  for (const entry of await readdir(build.folder)) {
    const path = join(build.folder, entry);
    if (path !== build.lock) await rm(path, { recursive: true, force: true });
  }
  await rm(build.folder, { recursive: true, force: true });
  return { removed: [...removed, build.folder], kept: options.artifact ? [] : folders };
}

/**
 * Requires a valid name of a build, since a folder of that name is removed.
 * @throws {VmbuildError} BUILD_UNKNOWN.
 */
export function requireName(name: string): void {
  if (identifier.safeParse(name).success) return;
  throw new VmbuildError("BUILD_UNKNOWN", `${JSON.stringify(name)} is not the name of a build`, {
    hint: "Give the name that `vmbuild list` shows, not the path of a template.",
  });
}
