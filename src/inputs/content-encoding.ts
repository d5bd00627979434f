/**
 * Files that a server compresses on their way, although they were asked for as they are
 * (`Content-Encoding`, RFC 9110, section 8.4): the encoding is undone.
 */
import { pipeline } from "node:stream";
import type { Duplex, Readable } from "node:stream";
import * as zlib from "node:zlib";

/** Node has this from version 22.15 on. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Duplex };

const DECODERS: Readonly<Record<string, (() => Duplex) | undefined>> = {
  gzip: () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: createZstdDecompress,
};

/** Registered with IANA; other words in the header (`aws-chunked`, `utf-8`) change nothing. */
const REGISTERED = /^(gzip|deflate|br|zstd|compress|dcb|dcz|exi|pack200-gzip|aes128gcm)$/;

/** Files that are of an encoding themselves: servers that know it by the ending send it along. */
const OWN_ENDING: Readonly<Record<string, RegExp>> = {
  gzip: /\.(gz|tgz)$/i,
  br: /\.br$/i,
  zstd: /\.(zst|tzst)$/i,
  compress: /\.z$/i,
};

/**
 * The encodings to undo, in the order in which they were applied; empty for none. Pure.
 * @param header `Content-Encoding`.
 * @param path the path in the file's address: of a `.gz` the gzip is the file's own.
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

/** The first of the encodings that cannot be undone here. Pure. */
export function unsupportedEncoding(encodings: readonly string[]): string | undefined {
  return encodings.find((encoding) => DECODERS[encoding] === undefined);
}

/** The body without its encodings. Errors of the body become errors of what is returned. */
export function undoEncodings(body: Readable, encodings: readonly string[]): Readable {
  let decoded = body;
  for (const encoding of encodings.toReversed()) {
    const decoder = DECODERS[encoding]?.();
    if (!decoder) continue;
    // Whoever reads the last stream hears of errors of all of them.
    pipeline(decoded, decoder, () => {});
    decoded = decoder;
  }
  return decoded;
}
