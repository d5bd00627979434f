/** Starts a finished image once on a throwaway layer, and lets somebody in. */
import { openLayer } from "./layer.js";
import type { LayerOptions } from "./layer.js";
import type { BootedImage, StartOptions } from "./start.js";

export type { BootedImage } from "./start.js";

/** What to start, and how. */
export type BootImageOptions = LayerOptions & StartOptions;

/**
 * Starts an image as a new machine would see it. Disposing of it ends the machine and removes the
 * throwaway layer.
 * @throws {VmbuildError} of the machine and the host; BASE_INVALID when it is no image.
 */
export async function bootImage(options: BootImageOptions): Promise<BootedImage> {
  const layer = await openLayer(options);
  try {
    const booted = await layer.start(options);
    return { ...booted, [Symbol.asyncDispose]: () => layer[Symbol.asyncDispose]() };
  } catch (error) {
    await layer[Symbol.asyncDispose]();
    throw error;
  }
}
