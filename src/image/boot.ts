/** Starts a finished image once on a temporary overlay. */
import { openOverlay } from "./overlay.js";
import type { OverlayOptions } from "./overlay.js";
import type { BootedImage, StartOptions } from "./start.js";

export type { BootedImage } from "./start.js";

/** Image to start, and options. */
export type BootImageOptions = OverlayOptions & StartOptions;

/**
 * Starts an image with a temporary overlay. Disposing of the result kills the machine and removes
 * the overlay.
 * @throws {VmbuildError} of the machine and the host; BASE_INVALID when it is not a disk image.
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
