/** Downloads small files, such as checksum files and signatures, into memory. */
import type { Dispatcher } from "undici";
import { VmbuildError } from "../errors.js";
import { formatBytes } from "../host/format.js";
import { displayUrl } from "./address.js";
import type { FullContext } from "./context.js";
import { AddressFailure, asAddressFailure } from "./failure.js";
import { retrying } from "./retry.js";
import { openSource } from "./source.js";

/** Size limit of most files; the checksum file of a large mirror has about 100 KB. */
const MAX_BYTES = 16 * 1024 * 1024;

/** File to fetch. */
export interface DocumentRequest {
  readonly address: string;
  /** Name for messages: `the checksum file`, `the signature`. */
  readonly what: string;
  /** Limit of its size in bytes; 16 MiB unless given. */
  readonly maxBytes?: number;
}

/** Fetched file. */
export interface FetchedDocument {
  readonly content: Buffer;
  /** Date of the last change, as the server states it. */
  readonly lastModified: string | undefined;
}

async function attempt(
  { address, what, maxBytes = MAX_BYTES }: DocumentRequest,
  agent: Dispatcher,
  context: FullContext,
): Promise<FetchedDocument> {
  const { limits, signal } = context;
  const opened = await openSource(address, { from: 0 }, { agent, limits, signal });
  if (opened === "unchanged") throw new AddressFailure("no content", { retryable: false });
  // Nothing listens any more when reading stopped early, so the error of the abort must be ignored.
  opened.body.on("error", () => {});
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of opened.body) {
      chunks.push(chunk as Buffer);
      size += (chunk as Buffer).length;
      if (size > maxBytes) {
        const message = `longer than ${formatBytes(maxBytes)}: it cannot be ${what}`;
        throw new AddressFailure(message, { retryable: false });
      }
    }
  } catch (error) {
    signal.throwIfAborted();
    throw asAddressFailure(error, limits);
  } finally {
    opened.body.destroy();
  }
  return { content: Buffer.concat(chunks), lastModified: opened.lastModified };
}

/**
 * Fetches a small file, with the same retries as downloads.
 * @throws {VmbuildError} INPUT_DOWNLOAD; the signal's own reason when it aborted.
 */
export async function fetchDocument(
  request: DocumentRequest,
  agent: Dispatcher,
  context: FullContext,
): Promise<FetchedDocument> {
  const { address, what } = request;
  try {
    const work = { label: what, attempt: () => attempt(request, agent, context) };
    return await retrying(work, context);
  } catch (error) {
    if (!(error instanceof AddressFailure)) throw error;
    const message = `Could not download ${what} ${displayUrl(address)}: ${error.message}`;
    const hint =
      error.hint ?? "Check the address and the network; a run can use cached files with --offline.";
    throw new VmbuildError("INPUT_DOWNLOAD", message, { cause: error, hint });
  }
}
