/** The forms of an input after the template's variables, paths and overrides are settled. */
import type { Sha256 } from "./digest.js";

/** A file behind an address. */
export interface UrlSpec {
  readonly kind: "url";
  /** `http:`, `https:` or `file:`. */
  readonly url: string;
  /** Tried in order after `url`; they hold the same file. */
  readonly mirrors?: readonly string[];
  /** As {@link parseChecksum} reads it; the path of a sums file is absolute. */
  readonly checksum: string;
  /** Of the sums file. `keyring` is an absolute path. */
  readonly signature?: SignatureSpec;
  /** The header of that name, for the first address alone; a secret. */
  readonly authorization?: string;
  /** Unpack a file that ends in `.xz`, `.gz` or `.zst`; others are left as they are. */
  readonly unpack?: boolean;
}

/** A detached OpenPGP signature of a sums file. */
export interface SignatureSpec {
  readonly url: string;
  /** The public keys to believe; absolute. Binary or ASCII-armoured. */
  readonly keyring: string;
}

/** The tree of one commit. */
export interface GitSpec {
  readonly kind: "git";
  readonly url: string;
  /** A tag, a branch, or a commit id. */
  readonly ref: string;
  readonly submodules?: boolean;
}

/** The files of an OCI image. */
export interface OciSpec {
  readonly kind: "oci";
  /** As {@link parseReference} reads it. */
  readonly image: string;
}

/** A file or folder of this host. */
export interface PathSpec {
  readonly kind: "path";
  /** Absolute. */
  readonly path: string;
}

/** Where an input comes from. */
export type InputSpec = UrlSpec | GitSpec | OciSpec | PathSpec;

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
