/** Prepares the image whose copy is the disk of an installation. */
import type { FetchedMedia } from "../install/media.js";
import { readBaseImage } from "./base-image.js";
import { ensureImage } from "./disk-image.js";
import type { ImageFiles } from "./image-files.js";
import type { BaseContext } from "./kind.js";

/**
 * Returns the image of an installation, unpacked or converted where needed; undefined for an
 * installation to an empty disk.
 * @throws {VmbuildError} BASE_INVALID when it is not a disk image, or depends on other files; as
 *   {@link ensureImage}.
 */
export async function startImage(
  fetched: FetchedMedia,
  context: Pick<BaseContext, "emit" | "signal" | "disk">,
): Promise<ImageFiles | undefined> {
  const file = fetched.get("image");
  if (file === undefined) return undefined;
  const { path, origin, digest } = file;
  const known = digest && `${digest.algorithm}:${digest.hex}`;
  const image = { path, origin, digest: known, isLocal: false };
  const usable = await ensureImage(image, context);
  return readBaseImage(usable.path, { mayUseOtherFiles: false, signal: context.signal });
}
