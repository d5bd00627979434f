/** Opens an address of any scheme: `http:`, `https:` or `file:`. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Network } from "./context.js";
import { AddressFailure, asAddressFailure } from "./failure.js";
import { openHttp } from "./http.js";
import type { OpenedSource, OpenRequest, Validators } from "./opened-source.js";

/**
 * Returns the validator for a range request: a strong ETag, or the date (RFC 9110, section 13.1.5).
 */
export function rangeValidator({ etag, lastModified }: Validators): string | undefined {
  return etag !== undefined && !etag.startsWith("W/") ? etag : lastModified;
}

async function openFile(
  url: string,
  wanted: OpenRequest,
  { limits, signal }: Network,
): Promise<OpenedSource | "unchanged"> {
  try {
    const path = fileURLToPath(url);
    const status = await stat(path);
    const { size, mtimeMs, ino } = status;
    if (!status.isFile()) throw new AddressFailure("not a file", { retryable: false });
    const etag = `"${ino}-${size}-${mtimeMs}"`;
    if (wanted.unless?.etag === etag) return "unchanged";
    const from = wanted.ifRange === etag && wanted.from < size ? wanted.from : 0;
    const body = createReadStream(path, { start: from, highWaterMark: 1024 * 1024, signal });
    return { from, total: size, etag, body };
  } catch (error) {
    throw asAddressFailure(error, limits);
  }
}

/**
 * Opens an address.
 * @throws {AddressFailure} with the reason; the signal's own reason when it aborted.
 */
export async function openSource(
  address: string,
  wanted: OpenRequest,
  network: Network,
): Promise<OpenedSource | "unchanged"> {
  const protocol = URL.canParse(address) ? new URL(address).protocol : undefined;
  if (protocol === "file:") return openFile(address, wanted, network);
  if (protocol === "http:" || protocol === "https:") {
    return openHttp(address, wanted, network);
  }
  throw new AddressFailure("not an http:, https: or file: URL", { retryable: false });
}
