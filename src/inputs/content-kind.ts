/** Defines the kinds of content that a file is recognized as. */

/** Compression format of a file; the name of the format, not of a program. */
export type Compression = "gzip" | "xz" | "zstd" | "bzip2" | "lz4" | "lzma" | "compress";

/** Content of a file. `what` is a phrase that follows "is": "an HTML page", "empty". */
export type Content =
  | { readonly kind: "compressed"; readonly by: Compression; readonly what: string }
  | { readonly kind: "archive"; readonly form: "tar" | "zip"; readonly what: string }
  /** Disk image in a container format; `format` is the name of QEMU's driver. */
  | { readonly kind: "image"; readonly format: string; readonly what: string }
  /** VMDK that consists of a text descriptor and refers to other files for its data. */
  | { readonly kind: "descriptor"; readonly what: string; readonly text: string }
  /** Raw disk: the bytes as a machine sees them. */
  | { readonly kind: "disk"; readonly what: string }
  | { readonly kind: "other"; readonly what: string; readonly hint?: string };

/** Bytes by which a file is recognized. */
export interface Sample {
  /** First {@link HEAD_BYTES} of the file, or all of a shorter file. */
  readonly head: Buffer;
  /** Last 512 bytes; empty where only the beginning was read. */
  readonly tail: Buffer;
}
