/** Packs the files of a release and their manifest into one archive. */
import { createWriteStream } from "node:fs";
import { rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { metered } from "../artifact/archive.js";
import { checksumPath, formatChecksum } from "../artifact/checksum-files.js";
import { digestFile } from "../artifact/digest.js";
import { artifactError } from "../artifact/failures.js";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import {
  publish,
  statIfThere,
  syncToDisk,
  temporaryBeside,
  writeFileAtomic,
} from "../host/files.js";
import { packTree } from "../host/tar-write.js";
import type { TreeEntry } from "../host/tree.js";
import { RELEASE_MANIFEST, memberName, readReleaseManifest } from "./manifest.js";
import type { ReleaseEntry } from "./manifest.js";

/** Options of {@link createBundle}. */
export interface CreateOptions {
  /** Path of the release's manifest. */
  readonly manifest: string;
  /** Folder with the files; that of the manifest unless given. */
  readonly files?: string | undefined;
  /** Path of the archive. */
  readonly output: string;
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/** Finished bundle. */
export interface CreatedBundle {
  /** Absolute. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly sha256: string;
  /** Names of its members, the manifest first. */
  readonly members: readonly string[];
}

/** Finds the file of an entry: at its path below the folder, or in the folder. */
async function findFile(entry: ReleaseEntry, folder: string): Promise<string> {
  for (const path of [join(folder, entry.path), join(folder, memberName(entry))]) {
    if ((await statIfThere(path))?.isFile()) return path;
  }
  throw new VmbuildError("BUNDLE_INVALID", `${memberName(entry)} is not in ${folder}`, {
    hint: "Name the folder with the files of the release with --files.",
  });
}

async function memberOf(path: string, name: string): Promise<TreeEntry> {
  const { size, mtime } = await stat(path);
  const bytes = Buffer.from(name);
  return { name, bytes, path: Buffer.from(path), type: "file", mode: 0o644, size, mtime };
}

/** Requires the content that the manifest describes. */
async function requireSum(path: string, entry: ReleaseEntry, options: CreateOptions) {
  const { sha256 } = await digestFile(path, ["sha256"], options);
  if (sha256 === entry.sha256) return;
  throw new VmbuildError("BUNDLE_INVALID", `${path} does not have the sha256 of the manifest`, {
    lines: [`manifest: ${entry.sha256}`, `file:     ${sha256}`],
    hint: "Correct the manifest, or use the file that belongs to the release.",
  });
}

/**
 * Writes the archive: `manifest.yaml`, and each file under its name without folders. Its sum is
 * written beside it. It replaces an older one when it is complete.
 * @throws {VmbuildError} USAGE when it would replace one of the files; BUNDLE_INVALID for a file
 *   that is missing or has another sum;
 *   ARTIFACT_SPACE or ARTIFACT_CONVERT when it cannot be written.
 */
export async function createBundle(options: CreateOptions): Promise<CreatedBundle> {
  const { manifest, emit, signal } = options;
  const entries = await readReleaseManifest(manifest);
  const folder = resolve(options.files ?? dirname(manifest));
  const members = [await memberOf(resolve(manifest), RELEASE_MANIFEST)];
  for (const entry of entries) {
    const path = await findFile(entry, folder);
    await requireSum(path, entry, options);
    members.push(await memberOf(path, memberName(entry)));
  }
  const path = resolve(options.output);
  if (members.some((member) => member.path.toString() === path)) {
    throw new VmbuildError("USAGE", `--output ${options.output} is a file of the release`, {
      hint: "Name another file, such as release.tar.",
    });
  }
  const temporary = temporaryBeside(path);
  const total = members.reduce((sum, { size }) => sum + size, 0);
  try {
    const packed = packTree(members, () => {});
    const label = `Packing ${basename(path)}`;
    const shown = metered(packed, { task: "bundle", label, total, emit });
    await pipeline(shown, createWriteStream(temporary, { flags: "wx" }), { signal });
    await syncToDisk(temporary);
    const { sha256 } = await digestFile(temporary, ["sha256"], { emit, signal });
    const { size } = await stat(temporary);
    await rm(checksumPath(path, "sha256"), { force: true });
    await publish(temporary, path);
    await writeFileAtomic(checksumPath(path, "sha256"), formatChecksum(sha256, basename(path)));
    return { path, size, sha256, members: members.map(({ name }) => name) };
  } catch (error) {
    signal.throwIfAborted();
    throw artifactError("ARTIFACT_CONVERT", `Cannot write ${path}`, error);
  } finally {
    await rm(temporary, { force: true });
  }
}
