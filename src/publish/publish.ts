/** Publishes finished images to a target, one after the other. */
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { place, placeMetadata } from "./place.js";
import type { Outcome } from "./place.js";
import { openSource, presentFile } from "./source.js";
import type { Form, Publishable } from "./source.js";
import { namesEachImage, parseTarget, placeOf } from "./target.js";
import type { Store } from "./store.js";

/** Options of a publication. */
export interface PublishOptions extends Form {
  readonly images: readonly Publishable[];
  /** Folder, file, or `ssh://user@host/path`. `${name}` and `${version}` are filled in. */
  readonly target: string;
  /** File of a private key for SSH; the agent and the keys in `~/.ssh` unless given. */
  readonly identity?: string | undefined;
  /** Also place the manifest and the lists of packages beside each image. */
  readonly metadata?: boolean;
  /** Only find out what would be done. */
  readonly dryRun?: boolean;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Called after each image. */
  readonly onResult?: (result: PublishResult) => void;
}

/** Result of one image, or of its archive of patches. */
export interface PublishResult {
  readonly name: string;
  /** What was published; an image unless given. */
  readonly kind?: "patches";
  /** Path of the published file at the target; undefined when it was not determined. */
  readonly path?: string | undefined;
  /** Address of the published file; undefined when it was not determined. */
  readonly address?: string | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
  readonly sha256?: string | undefined;
  /** `created` and `replaced` with `dryRun` are what would be done. */
  readonly outcome: Outcome | "failed";
  readonly error?: VmbuildError;
}

function requireOwnNames({ images, target }: PublishOptions, isFolder: boolean): void {
  if (isFolder || images.length < 2 || namesEachImage(target)) return;
  throw new VmbuildError("USAGE", `--to ${target} is one file, for ${images.length} images`, {
    hint: "Name a folder, with a slash at the end, or write ${name} in the file's name.",
  });
}

async function publishOne(
  image: Publishable,
  options: PublishOptions,
  { store, path }: { readonly store: Store; readonly path: string },
): Promise<PublishResult> {
  const { emit, signal, dryRun = false } = options;
  const { name, version } = image.template;
  await using source = await openSource(image, options, { emit, signal });
  const { filename, size, sha256 } = source;
  const at = await placeOf(store, path, { name, version, filename });
  const outcome = await place(store, at, source, { emit, signal, dryRun });
  if (options.metadata === true && !dryRun) {
    // The provenance has the checksums of the files that were built, not those of a converted one.
    const isAsBuilt = presentFile(image, options) !== undefined;
    const provenance = isAsBuilt ? image.manifest.provenance : undefined;
    await placeMetadata(store, { folder: image.folder, provenance }, at);
  }
  return { name, address: store.address(at), path: at, size, sha256, outcome };
}

/** Publishes one image, or something of it, in an open store. */
type PublishInto = (
  image: Publishable,
  options: PublishOptions,
  place: { readonly store: Store; readonly path: string },
) => Promise<PublishResult>;

/** Result of an image that could not be published. */
type FailedResult = (image: Publishable, error: VmbuildError) => PublishResult;

/**
 * Publishes something of each image. One that fails does not keep the others from being published.
 * @returns a result for each image.
 * @throws {VmbuildError} USAGE for a malformed target; PUBLISH_FAILED when it cannot be reached;
 *   the reason of the signal.
 */
export async function publishEach(
  options: PublishOptions,
  one: PublishInto,
  failed: FailedResult,
): Promise<PublishResult[]> {
  const { images, target, identity, emit, signal, onResult } = options;
  const parsed = parseTarget(target);
  const { path } = parsed;
  const note = (message: string): void => emit({ type: "note", message });
  await using store = await parsed.open({ identity, signal, note });
  requireOwnNames(options, path.endsWith("/") || (await isFolderIn(store, path)));
  const results: PublishResult[] = [];
  for (const image of images) {
    let result: PublishResult;
    try {
      result = await one(image, options, { store, path });
    } catch (thrown) {
      signal.throwIfAborted();
      result = failed(image, asVmbuildError(thrown));
    }
    results.push(result);
    onResult?.(result);
  }
  return results;
}

/** Publishes each image, unless the target has its content already, as {@link publishEach} does. */
export async function publishImages(options: PublishOptions): Promise<PublishResult[]> {
  return publishEach(options, publishOne, (image, error) => {
    const { name } = image.template;
    return { name, outcome: "failed", error, size: presentFile(image, options)?.size };
  });
}

async function isFolderIn(store: Store, path: string): Promise<boolean> {
  return !/\$\{/.test(path) && (await store.stat(path))?.isFolder === true;
}
