/** Reads small assets as text. */
import { VmbuildError } from "../errors.js";
import type { FullContext } from "../inputs/context.js";
import { AddressFailure, asAddressFailure } from "../inputs/failure.js";
import { requesting } from "./errors.js";
import type { ReleaseStore, StoredAsset } from "./store.js";

/** Largest size of an asset that is read into memory, in bytes. */
const MAX_TEXT_BYTES = 16 * 2 ** 20;

/**
 * Reads an asset as text.
 * @throws {VmbuildError} RELEASE_FAILED; the reason of the signal.
 */
export async function readAsset(
  store: ReleaseStore,
  asset: StoredAsset,
  context: FullContext,
): Promise<string> {
  const { name, size } = asset;
  const doing = `Cannot read ${name} of ${store.address}`;
  if (size > MAX_TEXT_BYTES) {
    throw new VmbuildError("RELEASE_FAILED", `${doing}: it has ${size} bytes`);
  }
  const attempt = async (): Promise<string> => {
    const { body } = await store.open(asset, { from: 0 });
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of body) chunks.push(chunk as Buffer);
    } catch (error) {
      context.signal.throwIfAborted();
      throw asAddressFailure(error, context.limits);
    } finally {
      body.destroy();
    }
    const data = Buffer.concat(chunks);
    if (data.length === size) return data.toString("utf8");
    throw new AddressFailure(`${data.length} of ${size} bytes were received`, { retryable: true });
  };
  return requesting({ doing, attempt }, context);
}
