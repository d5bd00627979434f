/** Verifies the images of a release by their contents. */
import { createHash } from "node:crypto";
import { VmbuildError } from "../errors.js";
import type { FullContext } from "../inputs/context.js";
import { asAddressFailure } from "../inputs/failure.js";
import { createProgress } from "../inputs/progress.js";
import { checkDigests, eachImage } from "./catalog.js";
import type { CatalogEntry, CatalogOptions } from "./catalog.js";
import { requesting } from "./errors.js";
import { imageAsset } from "./names.js";
import { invalid } from "./remote.js";
import type { RemoteImage, RemotePart } from "./remote.js";
import type { ReleaseStore } from "./store.js";

/** Reads a part to its end. Returns its sha256. */
async function readPart(
  store: ReleaseStore,
  part: RemotePart,
  context: FullContext,
  onData: (data: Buffer) => void,
): Promise<string> {
  const { asset, size } = part;
  const hash = createHash("sha256");
  let done = 0;
  const attempt = async (): Promise<void> => {
    const { from, body } = await store.open(asset, { from: done, total: size });
    if (from !== done)
      throw new VmbuildError("RELEASE_FAILED", `${asset.name} cannot be continued`);
    try {
      for await (const chunk of body) {
        const data = chunk as Buffer;
        hash.update(data);
        onData(data);
        done += data.length;
      }
    } catch (error) {
      context.signal.throwIfAborted();
      throw asAddressFailure(error, context.limits);
    } finally {
      body.destroy();
    }
    if (done !== size)
      throw asAddressFailure(new Error(`${done} of ${size} bytes were received`), context.limits);
  };
  await requesting({ doing: `Cannot read ${asset.name} of ${store.address}`, attempt }, context);
  return hash.digest("hex");
}

/** Downloads an image without storing it, and compares all digests. */
async function verifyContent(image: RemoteImage, store: ReleaseStore, context: FullContext) {
  const { name, size, parts } = image;
  const progress = createProgress(
    context.emit,
    context.clock,
    `verify ${name}`,
    `Verifying ${name}`,
  );
  const whole = createHash("sha256");
  let done = 0;
  for (const part of parts) {
    const found = await readPart(store, part, context, (data) => {
      whole.update(data);
      progress.at((done += data.length), size);
    });
    if (part.sha256 === undefined || part.sha256 === found) continue;
    throw wrongContent(part.asset.name, part.sha256, found);
  }
  progress.finish(size);
  const found = whole.digest("hex");
  if (image.sha256 === undefined) throw invalid(name, "it has neither an index nor a sha256 file");
  if (image.sha256 !== found) throw wrongContent(imageAsset(name), image.sha256, found);
}

function wrongContent(name: string, expected: string, found: string): VmbuildError {
  return new VmbuildError("RELEASE_INVALID", `${name} in the release has the wrong sha256`, {
    lines: [`expected: ${expected}`, `found:    ${found}`],
  });
}

/**
 * Verifies images: downloads them without storing them, and compares all digests.
 * @returns an entry for each image, with an error where something is wrong.
 * @throws {VmbuildError} USAGE, RELEASE_UNKNOWN, RELEASE_FAILED; the reason of the signal.
 */
export function verifyImages(options: CatalogOptions): Promise<CatalogEntry[]> {
  return eachImage(options, async (image, store, context) => {
    await checkDigests(image, store);
    await verifyContent(image, store, context);
  });
}
