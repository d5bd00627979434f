/** Opens an address of any kind: `http:`, `https:` or `file:`. */
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { Dispatcher } from "undici";
import type { NetworkLimits } from "./context.js";
import { AddressFailure, asAddressFailure } from "./failure.js";
import { openHttp } from "./http.js";

/** What tells one version of a file from another (RFC 9110, section 8.8). */
export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

/** What to ask an address for. Positions and sizes are bytes. */
export interface OpenRequest {
  /** The first byte that is wanted; 0 for all. */
  readonly from: number;
  /** Only then a part, when this validator still holds (`If-Range`). */
  readonly ifRange?: string | undefined;
  /** The whole's size as it was told before. */
  readonly total?: number | undefined;
  /** The header of that name; not sent on to another origin. */
  readonly authorization?: string | undefined;
  /** Nothing at all, when the file is still this one. */
  readonly unless?: (Validators & { readonly size: number }) | undefined;
}

/** An address that gives its file. Destroy the body when it is not read to its end. */
export interface Opened extends Validators {
  /** Where the body begins in the file: what was asked for, or 0. */
  readonly from: number;
  /** The whole file's size; undefined when the server does not tell. */
  readonly total: number | undefined;
  /** Set when the server compressed the file on its way: no part of it can be asked for. */
  readonly encoded?: boolean;
  readonly body: Readable;
}

/** The validator to send with a range: a strong ETag, or the date (RFC 9110, section 13.1.5). */
export function rangeValidator({ etag, lastModified }: Validators): string | undefined {
  return etag !== undefined && !etag.startsWith("W/") ? etag : lastModified;
}

async function openFile(
  url: string,
  wanted: OpenRequest,
  limits: NetworkLimits,
  signal: AbortSignal,
): Promise<Opened | "unchanged"> {
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
 * @throws {AddressFailure} with the reason; the signal's own reason when it was aborted.
 */
export async function openSource(
  address: string,
  wanted: OpenRequest,
  agent: Dispatcher,
  limits: NetworkLimits,
  signal: AbortSignal,
): Promise<Opened | "unchanged"> {
  const protocol = URL.canParse(address) ? new URL(address).protocol : undefined;
  if (protocol === "file:") return openFile(address, wanted, limits, signal);
  if (protocol === "http:" || protocol === "https:") {
    return openHttp(address, wanted, agent, limits, signal);
  }
  throw new AddressFailure("not an http:, https: or file: address", { retryable: false });
}
