/** Kinds of content that a file is recognised as. */

/** How a file is compressed; each is the name of the format, not of a program. */
export type Compression = "gzip" | "xz" | "zstd" | "bzip2" | "lz4" | "lzma" | "compress";

/** What a file holds. `what` reads after "is": "an HTML page", "empty". */
export type Content =
  | { readonly kind: "compressed"; readonly by: Compression; readonly what: string }
  | { readonly kind: "archive"; readonly form: "tar" | "zip"; readonly what: string }
  /** A disk image in a container format; `format` is the name of QEMU's driver. */
  | { readonly kind: "image"; readonly format: string; readonly what: string }
  /** A VMDK that is only a text, whose data lies in other files. */
  | { readonly kind: "descriptor"; readonly what: string; readonly text: string }
  /** The bytes of a disk as a machine sees them. */
  | { readonly kind: "disk"; readonly what: string }
  | { readonly kind: "other"; readonly what: string; readonly hint?: string };

/** The bytes by which a file is recognised. */
export interface Sample {
  /** The first {@link HEAD_BYTES}, or all of a shorter file. */
  readonly head: Buffer;
  /** The last 512 bytes; empty where only the beginning is known. */
  readonly tail: Buffer;
}
