/** Starts a finished image once on a throwaway layer, and lets somebody in. */
import { openOverlay } from "./overlay.js";
import type { OverlayOptions } from "./overlay.js";
import type { BootedImage, StartOptions } from "./start.js";

export type { BootedImage } from "./start.js";

/** What to start, and how. */
export type BootImageOptions = OverlayOptions & StartOptions;

/**
 * Starts an image as a new machine would see it. Disposing of it ends the machine and removes the
 * throwaway layer.
 * @throws {VmbuildError} of the machine and the host; BASE_INVALID when it is no image.
 */
export async function bootImage(options: BootImageOptions): Promise<BootedImage> {
  const overlay = await openOverlay(options);
  try {
    const booted = await overlay.start(options);
    return { ...booted, [Symbol.asyncDispose]: () => overlay[Symbol.asyncDispose]() };
  } catch (error) {
    await overlay[Symbol.asyncDispose]();
    throw error;
  }
}
