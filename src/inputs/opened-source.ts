/** An address that is to be opened, and one that is open. */
import type { Readable } from "node:stream";

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
export interface OpenedSource extends Validators {
  /** Where the body begins in the file: what was asked for, or 0. */
  readonly from: number;
  /** The whole file's size; undefined when the server does not tell. */
  readonly total: number | undefined;
  /** Set when the server compressed the file on its way: no part of it can be asked for. */
  readonly encoded?: boolean;
  readonly body: Readable;
}
