/**
 * Decodes responses that a server compressed although the request asked for the plain file
 * (`Content-Encoding`, RFC 9110, section 8.4).
 */
import { pipeline } from "node:stream";
import type { Duplex, Readable } from "node:stream";
import * as zlib from "node:zlib";

/** Node has this function since version 22.15. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Duplex };

const DECODERS: Readonly<Record<string, (() => Duplex) | undefined>> = {
  gzip: () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: createZstdDecompress,
};

/**
 * Encodings registered with IANA. Other values of the header (`aws-chunked`, `utf-8`) do not change
 * the content.
 */
const REGISTERED = /^(gzip|deflate|br|zstd|compress|dcb|dcz|exi|pack200-gzip|aes128gcm)$/;

/**
 * Extensions of files that are compressed themselves: servers that derive the header from the
 * extension send it along.
 */
const OWN_ENDING: Readonly<Record<string, RegExp>> = {
  gzip: /\.(gz|tgz)$/i,
  br: /\.br$/i,
  zstd: /\.(zst|tzst)$/i,
  compress: /\.z$/i,
};

/**
 * Returns the encodings to decode, in the order in which they were applied; empty for none. Pure.
 * @param header the value of `Content-Encoding`.
 * @param path the path in the address; the gzip encoding of a `.gz` file belongs to the file
 *   itself.
 */
export function encodingsToUndo(header: string | undefined, path: string): string[] {
  const all = (header ?? "")
    .toLowerCase()
    .split(",")
    .map((word) => word.trim().replace(/^x-/, ""))
    .filter((word) => REGISTERED.test(word));
  const [first] = all;
  return first !== undefined && OWN_ENDING[first]?.test(path) === true ? all.slice(1) : all;
}

/** Returns the first encoding that is not supported. Pure. */
export function unsupportedEncoding(encodings: readonly string[]): string | undefined {
  return encodings.find((encoding) => DECODERS[encoding] === undefined);
}

/** Returns the decoded body. Errors of the body become errors of the returned stream. */
export function undoEncodings(body: Readable, encodings: readonly string[]): Readable {
  let decoded = body;
  for (const encoding of encodings.toReversed()) {
    const decoder = DECODERS[encoding]?.();
    if (!decoder) continue;
    // Errors of all streams are passed on to the reader of the last one.
    pipeline(decoded, decoder, () => {});
    decoded = decoder;
  }
  return decoded;
}
