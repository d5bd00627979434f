/** Downloads small files, such as checksum files and signatures, into memory. */
import type { Dispatcher } from "undici";
import { VmbuildError } from "../errors.js";
import { formatBytes } from "../host/format.js";
import { displayUrl } from "./address.js";
import type { FullContext } from "./context.js";
import { AddressFailure, asAddressFailure } from "./failure.js";
import { retrying } from "./retry.js";
import { openSource } from "./source.js";

/** Size limit; the checksum file of a large mirror has about 100 KB. */
const MAX_BYTES = 16 * 1024 * 1024;

async function attempt(address: string, agent: Dispatcher, context: FullContext): Promise<Buffer> {
  const { limits, signal } = context;
  const opened = await openSource(address, { from: 0 }, agent, limits, signal);
  if (opened === "unchanged") throw new AddressFailure("no content", { retryable: false });
  // Nothing listens any more when reading stopped early, so the error of the abort must be ignored.
  opened.body.on("error", () => {});
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of opened.body) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > MAX_BYTES) {
        const message = `longer than ${formatBytes(MAX_BYTES)}: not a checksum file or signature`;
        throw new AddressFailure(message, { retryable: false });
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw asAddressFailure(error, limits);
  } finally {
    opened.body.destroy();
  }
  return Buffer.concat(chunks);
}

/**
 * Returns the content of a small file, with the same retries as downloads.
 * @param what name for messages: `the sums file`, `the signature`.
 * @throws {VmbuildError} INPUT_DOWNLOAD; the signal's own reason when it aborted.
 */
export async function fetchSmall(
  address: string,
  what: string,
  agent: Dispatcher,
  context: FullContext,
): Promise<Buffer> {
  try {
    return await retrying(
      { label: what, attempt: () => attempt(address, agent, context) },
      context,
    );
  } catch (error) {
    if (!(error instanceof AddressFailure)) throw error;
    const message = `Could not download ${what} ${displayUrl(address)}: ${error.message}`;
    const hint =
      error.hint ?? "Check the address and the network, or use cached files with --offline.";
    throw new VmbuildError("INPUT_DOWNLOAD", message, { cause: error, hint });
  }
}
