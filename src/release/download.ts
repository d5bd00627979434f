/** Downloads images from a release. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { join, resolve } from "node:path";
import { formatChecksum } from "../artifact/checksum-files.js";
import { VmbuildError, asVmbuildError } from "../errors.js";
import { makeFolder, requireSpace, statIfThere, writeFileAtomic } from "../host/files.js";
import { fillContext } from "../inputs/context.js";
import type { FullContext } from "../inputs/context.js";
import { createProgress } from "../inputs/progress.js";
import { imageAsset, sumsName } from "./names.js";
import { PartialImage } from "./partial.js";
import { receiveParts } from "./receive.js";
import { openRelease } from "./registry.js";
import type { ReleasePlace } from "./registry.js";
import { imagesIn, listRelease, readRemote } from "./remote.js";
import type { RemoteImage } from "./remote.js";
import type { ReleaseContext, ReleaseStore } from "./store.js";

/** Options of a download. */
export interface DownloadImageOptions extends ReleasePlace, ReleaseContext {
  /** Names of the images; all images of the release when empty. */
  readonly names: readonly string[];
  /** Folder for the images, which is created. */
  readonly folder: string;
  /** Download images that are there already with the same content. */
  readonly force?: boolean;
}

/** Result of one image. */
export interface DownloadResult {
  readonly name: string;
  readonly outcome: "created" | "replaced" | "unchanged" | "failed";
  /** Absolute path of the image. */
  readonly path: string;
  /** Bytes. */
  readonly size?: number;
  readonly sha256?: string;
  readonly error?: VmbuildError;
}

/** Computes the sha256 of a file. */
async function hashImage(path: string, name: string, context: FullContext): Promise<string> {
  const { emit, clock, signal } = context;
  const size = Number((await statIfThere(path))?.size ?? 0);
  const progress = createProgress(emit, clock, `verify ${name}`, `Verifying ${name}`);
  const hash = createHash("sha256");
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 })) {
    signal.throwIfAborted();
    hash.update(chunk as Buffer);
    progress.at((done += (chunk as Buffer).length), size);
  }
  progress.finish(done);
  return hash.digest("hex");
}

/** Receives an image and verifies it as a whole. Returns its sha256. */
async function receive(
  store: ReleaseStore,
  image: RemoteImage,
  partial: PartialImage,
  context: FullContext,
) {
  const { name, size } = image;
  const progress = createProgress(
    context.emit,
    context.clock,
    `download ${name}`,
    `Downloading ${name}`,
  );
  const onBytes = (): void => progress.at(partial.done, size);
  try {
    await receiveParts({ store, image, partial, context, onBytes });
  } catch (error) {
    await partial.keep();
    throw error;
  }
  progress.finish(size);
  const found = await hashImage(partial.path, name, context);
  if (image.sha256 === undefined || found === image.sha256) return found;
  await partial.discard();
  throw new VmbuildError(
    "INPUT_CHECKSUM",
    `${imageAsset(name)} of ${store.address} has the wrong sha256`,
    {
      lines: [`expected: ${image.sha256}`, `found:    ${found}`],
      hint: "The content in the release was altered: upload it again.",
    },
  );
}

/** Returns whether a file has the content of the image already. */
async function isThere(path: string, image: RemoteImage, context: FullContext): Promise<boolean> {
  const status = await statIfThere(path);
  if (status?.isDirectory()) {
    throw new VmbuildError("OUTPUT_TAKEN", `${path} is a folder`, {
      hint: "Use another --output.",
    });
  }
  if (image.sha256 === undefined || Number(status?.size) !== image.size) return false;
  return (await hashImage(path, image.name, context)) === image.sha256;
}

function warnOfMissingSums({ name, sha256, parts }: RemoteImage, { emit }: FullContext): void {
  if (sha256 !== undefined) return;
  const isVerified = parts.every((part) => part.sha256 !== undefined);
  const how = isVerified
    ? "only its parts are verified, by the digests of the server"
    : "its content is not verified";
  emit({ type: "warning", message: `The release has no sha256 of ${name}: ${how}` });
}

/** What one image needs besides its name. */
interface Target {
  readonly store: ReleaseStore;
  readonly folder: string;
  readonly force: boolean;
  readonly context: FullContext;
}

async function downloadOnce(image: RemoteImage, target: Target): Promise<DownloadResult> {
  const { store, folder, force, context } = target;
  const { name, size } = image;
  const path = join(folder, imageAsset(name));
  await makeFolder(folder);
  const existed = (await statIfThere(path)) !== undefined;
  const result = { name, path, size };
  if (!force && (await isThere(path, image, context))) {
    await writeSums(folder, name, image.sha256);
    return { ...result, sha256: image.sha256 ?? "", outcome: "unchanged" };
  }
  warnOfMissingSums(image, context);
  await using partial = await PartialImage.open(path, image, context);
  if (partial.waited && !force && (await isThere(path, image, context))) {
    await partial.discard();
    return { ...result, sha256: image.sha256 ?? "", outcome: "unchanged" };
  }
  await requireSpace(partial.path, size - partial.done, name);
  const sha256 = await receive(store, image, partial, context);
  context.signal.throwIfAborted();
  await partial.publish(path);
  await writeSums(folder, name, sha256);
  return { ...result, sha256, outcome: existed ? "replaced" : "created" };
}

async function writeSums(folder: string, name: string, sha256 = ""): Promise<void> {
  await writeFileAtomic(join(folder, sumsName(name)), formatChecksum(sha256, imageAsset(name)));
}

/** Attempts at an image that is replaced in the release while it is downloaded. */
const ATTEMPTS = 3;

/** Downloads an image; begins again when the release has changed meanwhile. */
async function downloadImage(name: string, target: Target): Promise<DownloadResult> {
  const { store, context } = target;
  const read = async () => readRemote(store, name, await listRelease(store), context);
  let image = await read();
  for (let attempt = 1; ; attempt++) {
    try {
      return await downloadOnce(image, target);
    } catch (error) {
      context.signal.throwIfAborted();
      const isOfRelease =
        error instanceof VmbuildError && ["INPUT_DOWNLOAD", "INPUT_CHECKSUM"].includes(error.code);
      if (!isOfRelease || attempt >= ATTEMPTS) throw error;
      // When the release cannot be read, the first error is the one to report.
      const now = await read().catch(() => image);
      if (idsOf(now) === idsOf(image)) throw error;
      const message = `${name} was replaced in ${store.address}; the download begins again`;
      context.emit({ type: "note", message });
      image = now;
    }
  }
}

const idsOf = ({ parts }: RemoteImage): string => parts.map(({ asset }) => asset.id).join(" ");

/**
 * Downloads images with their sums. Parts are received at once and joined as they arrive; each part
 * and the whole are verified before the image gets its name. What an earlier download has received
 * is not requested again. An image that fails does not keep the others from being downloaded.
 * @param onResult called after each image.
 * @returns a result for each image.
 * @throws {VmbuildError} USAGE; RELEASE_UNKNOWN and RELEASE_FAILED when the release cannot be read;
 *   the reason of the signal.
 */
export async function downloadImages(
  options: DownloadImageOptions,
  onResult: (result: DownloadResult) => void = () => {},
): Promise<DownloadResult[]> {
  const { names, force = false } = options;
  const folder = resolve(options.folder);
  const context = fillContext({ ...options, offline: false });
  await using store = await openRelease(options, options);
  const wanted = names.length > 0 ? names : imagesIn(await listRelease(store));
  const results: DownloadResult[] = [];
  for (const name of wanted) {
    let result: DownloadResult;
    try {
      result = await downloadImage(name, { store, folder, force, context });
    } catch (thrown) {
      context.signal.throwIfAborted();
      const path = join(folder, imageAsset(name));
      result = { name, path, outcome: "failed", error: asVmbuildError(thrown) };
    }
    results.push(result);
    onResult(result);
  }
  return results;
}
