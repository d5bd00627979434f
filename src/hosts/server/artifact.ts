/** Lists and reads the files of an artifact on the host where it was built. */
import { createReadStream } from "node:fs";
import { lstat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { checksumPath } from "../../artifact/checksum-files.js";
import { ALGORITHMS } from "../../artifact/digest.js";
import { MANIFEST_NAME, describingFiles, readManifest } from "../../artifact/manifest.js";
import { CACHE_KEY_NAME } from "../../artifact/names.js";
import { findRun } from "../../builds/records.js";
import { digestOf } from "../../checkpoints/content.js";
import { VmbuildError } from "../../errors.js";
import { statIfThere } from "../../host/files.js";
import { listTree } from "../../host/tree.js";
import type { ArtifactFile } from "../messages.js";
import { findImage } from "./find-image.js";

/** Returns the folder with the image of a build's last run, or of the run that a text names. */
async function folderOf(name: string, run: string | undefined): Promise<string> {
  if (run !== undefined) return dirname((await findImage(name, run)).artifact);
  const { record } = await findRun(name, undefined);
  if (record.state === "done" && record.artifact !== undefined) return dirname(record.artifact);
  throw new VmbuildError("FETCH_FAILED", `The last run of ${name} made no image`, {
    hint: `Its state is ${record.state}${record.outcome === undefined ? "" : ` (${record.outcome})`}. See vmbuild logs ${name}. For the image of an earlier run: vmbuild fetch ${name} --run ID.`,
  });
}

/** Lists a file, or the files of a folder that a step has put beside the image. */
async function describe(
  folder: string,
  name: string,
  role: ArtifactFile["role"],
  known?: string,
): Promise<ArtifactFile[]> {
  const path = join(folder, name);
  if (!(await statIfThere(path))) return [];
  const { signal } = new AbortController();
  const status = await lstat(path);
  if (status.isDirectory()) {
    const entries = (await listTree(path)).filter(({ type }) => type === "file");
    return Promise.all(
      entries.map(async ({ name: below, path: at, mode, size }) => {
        const sha256 = await digestOf(at, { signal });
        return { name: `${name}/${below}`, role, mode: mode & 0o777, size, sha256 };
      }),
    );
  }
  const { mode, size } = status;
  const sha256 = known ?? (await digestOf(path, { signal }));
  return [{ name, role, mode: mode & 0o777, size, sha256 }];
}

/**
 * Lists the files of a build's artifact, the manifest last.
 * @throws {VmbuildError} FETCH_FAILED when the last run has made none; ARTIFACT_INVALID.
 */
export async function artifactFiles(
  name: string,
  run: string | undefined,
): Promise<ArtifactFile[]> {
  const folder = await folderOf(name, run);
  const manifest = await readManifest(join(folder, MANIFEST_NAME));
  const { files, companions = [] } = manifest;
  const found: ArtifactFile[] = [];
  for (const image of files) {
    found.push(...(await describe(folder, image.name, "image", image.checksums.sha256)));
  }
  const sums = files.flatMap((image) => ALGORITHMS.map((kind) => checksumPath(image.name, kind)));
  for (const sum of sums) found.push(...(await describe(folder, sum, "checksums")));
  const others = new Set([...companions, ...describingFiles(manifest), CACHE_KEY_NAME]);
  for (const other of others) {
    if (!/^(?!\.{1,2}$)[^/\0]+$/.test(other)) continue;
    found.push(...(await describe(folder, other, "companion")));
  }
  return [...found, ...(await describe(folder, MANIFEST_NAME, "manifest"))];
}

/**
 * Opens a file of a build's artifact.
 * @param options `from`: number of the first byte.
 * @throws {VmbuildError} FETCH_FAILED when the artifact has no such file.
 */
export async function readArtifactFile(
  name: string,
  { run, file, from }: { readonly run?: string | undefined; file: string; from: number },
): Promise<{ readonly bytes: number; readonly parts: AsyncIterable<Buffer> }> {
  const folder = await folderOf(name, run);
  const parts = file.split("/");
  const path = join(folder, file);
  const status = parts.includes("..") ? undefined : await statIfThere(path);
  if (status?.isFile() !== true || Number(status.size) < from) {
    throw new VmbuildError("FETCH_FAILED", `The image of ${name} there has no file ${file}`);
  }
  const bytes = Number(status.size) - from;
  if (bytes === 0) return { bytes, parts: (async function* () {})() };
  const end = Number(status.size) - 1;
  return { bytes, parts: createReadStream(path, { start: from, end }) };
}
