/** Publishes images of a release to a target: downloads what the target does not have yet. */
import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { cacheRoot } from "../host/folders.js";
import { sizeOnDisk } from "../host/files.js";
import { listImages } from "../release/catalog.js";
import type { CatalogEntry } from "../release/catalog.js";
import { downloadImages } from "../release/download.js";
import { imageAsset } from "../release/names.js";
import { DEFAULT_TAG } from "../release/registry.js";
import type { ReleasePlace } from "../release/registry.js";
import type { ReleaseContext } from "../release/store.js";
import { place } from "./place.js";
import type { PublishResult } from "./publish.js";
import type { SourceFile } from "./source.js";
import type { Store } from "./store.js";
import { namesEachImage, parseTarget, placeOf } from "./target.js";

/** Options of {@link publishReleaseImages}. */
export interface PublishReleaseOptions extends ReleasePlace, ReleaseContext {
  /** Names of the images; all images of the release when empty. */
  readonly names: readonly string[];
  /** As of `publishImages`. */
  readonly target: string;
  readonly identity?: string | undefined;
  readonly dryRun?: boolean;
}

/** Returns the folder that keeps unfinished downloads of a release. */
function workFolder({ store, tag = DEFAULT_TAG }: ReleasePlace): string {
  const key = createHash("sha256").update(`${store}\n${tag}`).digest("hex").slice(0, 16);
  return join(cacheRoot(), "releases", key);
}

/** Describes a file that is not downloaded yet, to compare it with the target. */
function undownloaded(entry: Required<Pick<CatalogEntry, "image">>, sha256: string): SourceFile {
  const { name, size } = entry.image;
  const none = { path: "", allocated: size, async [Symbol.asyncDispose]() {} };
  return { ...none, filename: imageAsset(name), size, sha256 };
}

async function download(name: string, options: PublishReleaseOptions): Promise<SourceFile> {
  const folder = workFolder(options);
  const [result] = await downloadImages({ ...options, names: [name], folder });
  if (result?.error) throw result.error;
  const { path = "", size = 0, sha256 = "" } = result ?? {};
  return {
    ...{ path, filename: imageAsset(name), size, allocated: await sizeOnDisk(path), sha256 },
    async [Symbol.asyncDispose]() {
      await rm(path, { force: true });
      await rm(`${path}.sha256`, { force: true });
    },
  };
}

async function publishEntry(
  entry: CatalogEntry,
  options: PublishReleaseOptions,
  to: { readonly store: Store; readonly path: string },
): Promise<PublishResult> {
  const { name, image, error } = entry;
  if (error || !image) throw error ?? new VmbuildError("DEFECT", `${name} was not read`);
  const { emit, signal, dryRun = false } = options;
  const { store, path } = to;
  const facts = { name, version: image.index?.version ?? "", filename: imageAsset(name) };
  const at = await placeOf(store, path, facts);
  const result = { name, address: store.address(at), size: image.size };
  if (image.sha256 !== undefined) {
    const { sha256 } = image;
    const context = { emit, signal, dryRun: true };
    const outcome = await place(store, at, undownloaded({ image }, sha256), context);
    if (outcome === "unchanged" || dryRun) return { ...result, sha256, outcome };
  }
  await using source = await download(name, options);
  const outcome = await place(store, at, source, { emit, signal, dryRun });
  return { ...result, sha256: source.sha256, outcome };
}

/**
 * Publishes images of a release, unless the target has their content already. An image that fails
 * does not keep the others from being published. Unfinished downloads are kept in the cache, and
 * continued.
 * @returns a result for each image.
 * @throws {VmbuildError} USAGE; RELEASE_UNKNOWN and RELEASE_FAILED when the release cannot be read;
 *   PUBLISH_FAILED when the target cannot be reached; the reason of the signal.
 */
export async function publishReleaseImages(
  options: PublishReleaseOptions,
): Promise<PublishResult[]> {
  const { target, identity, emit, signal } = options;
  const parsed = parseTarget(target);
  const entries = await listImages(options);
  const note = (message: string): void => emit({ type: "note", message });
  await using store = await parsed.open({ identity, signal, note });
  const isFolder =
    parsed.path.endsWith("/") ||
    (!/\$\{/.test(parsed.path) && (await store.stat(parsed.path))?.isFolder === true);
  if (!isFolder && entries.length > 1 && !namesEachImage(target)) {
    throw new VmbuildError("USAGE", `--to ${target} is one file, for ${entries.length} images`, {
      hint: "Name a folder, with a slash at the end, or write ${name} in the file's name.",
    });
  }
  const results: PublishResult[] = [];
  for (const entry of entries) {
    try {
      results.push(await publishEntry(entry, options, { store, path: parsed.path }));
    } catch (thrown) {
      signal.throwIfAborted();
      results.push({ name: entry.name, outcome: "failed", error: asVmbuildError(thrown) });
    }
  }
  return results;
}
