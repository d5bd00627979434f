/** Types of a request for a source, and of the opened source. */
import type { Readable } from "node:stream";

/** Values that identify a version of a file (RFC 9110, section 8.8). */
export interface Validators {
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
}

/** Request for a source. Positions and sizes are bytes. */
export interface OpenRequest {
  /** Offset of the first requested byte; 0 for the whole file. */
  readonly from: number;
  /** Requests a part only if this validator still matches (`If-Range`). */
  readonly ifRange?: string | undefined;
  /** Total size that an earlier response reported. */
  readonly total?: number | undefined;
  /** Value of the Authorization header; not sent to other origins. */
  readonly authorization?: string | undefined;
  /** Value of the Accept header. */
  readonly accept?: string | undefined;
  /** Requests nothing if the file still matches this version. */
  readonly unless?: (Validators & { readonly size: number }) | undefined;
}

/** Opened source. Destroy the body when it is not read to its end. */
export interface OpenedSource extends Validators {
  /** Offset of the body in the file: the requested one, or 0. */
  readonly from: number;
  /** Size of the whole file; undefined when the server does not report it. */
  readonly total: number | undefined;
  /** Set when the server compressed the response, so that no part of it can be requested. */
  readonly encoded?: boolean;
  readonly body: Readable;
}
