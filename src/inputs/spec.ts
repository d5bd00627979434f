/** What resolving an input gives, whatever its kind. */
import type { Sha256 } from "./digest.js";

/** An input that is there. */
export interface ResolvedInput {
  readonly name: string;
  /** Absolute: a file, or a folder. */
  readonly path: string;
  /** The address without credentials, or the path. */
  readonly origin: string;
  /** Of the file as it was downloaded (the archive, where it was unpacked); not for folders. */
  readonly digest?: Sha256;
  /** Of a git tree: the commit's full id. */
  readonly commit?: string;
  /** Of the file at `path`, in bytes; not for folders. */
  readonly size?: number;
  /** Whether nothing had to be fetched. */
  readonly fromCache: boolean;
  /** Set when the template accepts the file unverified. */
  readonly checksumNone?: boolean;
}
