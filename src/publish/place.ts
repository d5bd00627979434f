/**
 * Places one file at a target. It is written under a temporary name, read back, and then renamed, so
 * that nobody finds half of it; its sum file follows.
 */
import { join, posix } from "node:path";
import { checksumPath, formatChecksum } from "../artifact/checksum-files.js";
import { digestFile } from "../artifact/digest.js";
import { MANIFEST_NAME } from "../artifact/manifest.js";
import type { Manifest } from "../artifact/manifest.js";
import { METADATA_SUFFIXES, PACKAGES_NAME, SBOM_NAME } from "../artifact/names.js";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { isTemporaryName, readIfThere, temporaryBeside } from "../host/files.js";
import { formatBytes } from "../host/format.js";
import { fullDisk } from "./errors.js";
import type { SourceFile } from "./source.js";
import type { OnBytes, Store } from "./store.js";

/** Result of one file. */
export type Outcome = "created" | "replaced" | "unchanged";

/** What a placement needs. */
export interface PlaceContext {
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly dryRun: boolean;
}

/** Age after which a temporary file is a remainder of a publication that was killed. */
const ABANDONED_MS = 24 * 3_600_000;

/** Emits about a hundred `progress` events of a task. */
function progressOf(emit: Emit, task: string, label: string): OnBytes {
  let shown = 0;
  return (done, total) => {
    if (done < shown || (done < total && done - shown < total / 100)) return;
    shown = done;
    emit({ type: "progress", task, label, done, total, unit: "bytes" });
  };
}

/** Returns whether the target has the same content, which is read for that. */
async function isEqual(store: Store, path: string, source: SourceFile, emit: Emit) {
  const there = await store.stat(path);
  if (!there) return { exists: false, equal: false };
  if (there.isFolder) {
    throw new VmbuildError("PUBLISH_FAILED", `A folder has the name ${store.address(path)}`, {
      hint: "Publish into it with a slash at the end, or choose another name.",
    });
  }
  if (there.size !== source.size) return { exists: true, equal: false };
  const onBytes = progressOf(emit, "compare", `Comparing ${store.address(path)}`);
  return { exists: true, equal: (await store.digest(path, onBytes)) === source.sha256 };
}

/** Removes what publications of this file have left that were killed more than a day ago. */
async function removeAbandoned(store: Store, path: string): Promise<void> {
  const folder = posix.dirname(path);
  for (const name of await store.list(folder)) {
    const isOurs = name.startsWith(`.${posix.basename(path)}.`) && isTemporaryName(name);
    if (!isOurs) continue;
    const found = await store.stat(posix.join(folder, name));
    if (!found || Date.now() - found.modified < ABANDONED_MS) continue;
    await store.remove(posix.join(folder, name));
  }
}

async function requireSpace(store: Store, path: string, source: SourceFile): Promise<void> {
  const folder = posix.dirname(path);
  const free = await store.freeSpace(folder);
  const size = Math.min(source.size, source.allocated);
  if (free === undefined || free >= size) return;
  const needed = `${formatBytes(size)} are needed, ${formatBytes(free)} are free`;
  const { message, hint } = fullDisk(store.address(folder));
  throw new VmbuildError("ARTIFACT_SPACE", `${message}: ${needed}`, { hint });
}

/** Requires the content that was written, as the target reads it. */
async function verify(store: Store, path: string, source: SourceFile, context: PlaceContext) {
  const { emit } = context;
  const onBytes = progressOf(emit, "verify", `Verifying ${store.address(path)}`);
  const found = await store.digest(path, onBytes);
  if (found === source.sha256) return;
  const { sha256 } = await digestFile(source.path, ["sha256"], context);
  if (sha256 !== source.sha256) {
    throw new VmbuildError("ARTIFACT_INVALID", `${source.path} does not have its recorded sha256`, {
      lines: [`recorded: ${source.sha256}`, `found:    ${sha256}`],
    });
  }
  throw new VmbuildError(
    "PUBLISH_FAILED",
    `${store.address(path)} was read back with another content than was written`,
    {
      lines: [`written: ${source.sha256}`, `read:    ${found}`],
      hint: "Check the disk and the memory of that host.",
    },
  );
}

/** Writes a small file under a temporary name, and renames it. */
export async function placeText(store: Store, path: string, text: string): Promise<void> {
  const temporary = temporaryBeside(path);
  try {
    await store.writeText(temporary, text);
    await store.rename(temporary, path);
  } catch (error) {
    // The first error is the one to report.
    await store.remove(temporary).catch(() => {});
    throw error;
  }
}

/**
 * Places copies of the manifest, of the lists of packages and of the provenance beside an image,
 * where the artifact has them and the target has others.
 * @param artifact its provenance is left out where it does not describe the placed image.
 * @param path of the image in the store.
 */
export async function placeMetadata(
  store: Store,
  { folder, provenance }: { readonly folder: string; readonly provenance: Manifest["provenance"] },
  path: string,
): Promise<void> {
  const files: readonly [name: string | undefined, suffix: string][] = [
    [MANIFEST_NAME, METADATA_SUFFIXES.manifest],
    [PACKAGES_NAME, METADATA_SUFFIXES.packages],
    [SBOM_NAME, METADATA_SUFFIXES.sbom],
    [provenance?.statement, METADATA_SUFFIXES.provenance],
    [provenance?.signature, METADATA_SUFFIXES.signature],
  ];
  for (const [name, suffix] of files) {
    const text = name === undefined ? undefined : await readIfThere(join(folder, name));
    const at = `${path}${suffix}`;
    if (text === undefined) await store.remove(at);
    else if ((await store.readText(at)) !== text) await placeText(store, at, text);
  }
}

async function placeImage(store: Store, path: string, source: SourceFile, context: PlaceContext) {
  await removeAbandoned(store, path);
  await requireSpace(store, path, source);
  const temporary = temporaryBeside(path);
  const onBytes = progressOf(context.emit, "publish", `Publishing ${store.address(path)}`);
  try {
    await store.write(temporary, { source: source.path, size: source.size, onBytes });
    await verify(store, temporary, source, context);
    context.signal.throwIfAborted();
    await store.rename(temporary, path);
  } catch (error) {
    // The first error is the one to report.
    await store.remove(temporary).catch(() => {});
    throw error;
  }
}

async function placeLocked(
  store: Store,
  path: string,
  source: SourceFile,
  context: PlaceContext,
): Promise<Outcome> {
  const { exists, equal } = await isEqual(store, path, source, context.emit);
  const sums = checksumPath(path, "sha256");
  const line = formatChecksum(source.sha256, posix.basename(path));
  if (!context.dryRun) {
    if (!equal) await placeImage(store, path, source, context);
    if ((await store.readText(sums)) !== line) await placeText(store, sums, line);
  }
  if (equal) return "unchanged";
  return exists ? "replaced" : "created";
}

/**
 * Places a file, unless the target has its content already, and its sum file in `sha256sum`'s
 * format. Publications to one folder wait for each other where the target has locks.
 * @param path of the file in the store.
 * @throws {VmbuildError} PUBLISH_FAILED, ARTIFACT_SPACE, or ARTIFACT_INVALID when the file was
 *   changed since it was built. The target keeps what it had.
 */
export async function place(
  store: Store,
  path: string,
  source: SourceFile,
  context: PlaceContext,
): Promise<Outcome> {
  const folder = posix.dirname(path);
  if ((await store.stat(folder))?.isFolder !== true) {
    throw new VmbuildError("PUBLISH_FAILED", `The folder ${store.address(folder)} does not exist`, {
      hint: "Create it first, or correct --to.",
    });
  }
  const onWait = (): void =>
    context.emit({
      type: "note",
      message: `Waiting for another publication to ${store.address(folder)}`,
    });
  if (context.dryRun) return placeLocked(store, path, source, context);
  const lock = await store.lock(folder, onWait);
  try {
    return await placeLocked(store, path, source, context);
  } finally {
    await lock?.[Symbol.asyncDispose]();
  }
}
