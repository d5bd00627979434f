/** Defines the result of resolving an input of any kind. */
import type { Digests, Sha256 } from "./digest.js";

/** Version of a downloaded file on its server. */
export interface Upstream {
  /** Address that it was downloaded from, possibly a mirror; without credentials. */
  readonly address: string;
  readonly etag?: string | undefined;
  readonly lastModified?: string | undefined;
  /** Bytes. */
  readonly size: number;
  /** Checksums of the download. */
  readonly digests: Digests;
}

/** Resolved input. */
export interface ResolvedInput {
  readonly name: string;
  /** Absolute path of a file or a folder. */
  readonly path: string;
  /** Address without credentials, or path. */
  readonly origin: string;
  /**
   * Digest of the file as it was downloaded (of the archive, if it was unpacked); absent for
   * folders.
   */
  readonly digest?: Sha256;
  /** Full commit id of a git tree. */
  readonly commit?: string;
  /** Version on the server; downloads only. */
  readonly upstream?: Upstream;
  /** Size of the file at `path` in bytes; absent for folders. */
  readonly size?: number;
  /** True when nothing had to be fetched. */
  readonly fromCache: boolean;
  /** Set when the template accepts the file without a checksum. */
  readonly checksumNone?: boolean;
}
