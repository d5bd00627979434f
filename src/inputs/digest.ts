/** Computes digests of files and streams in one pass and in constant memory. */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { cryptoName } from "./algorithms.js";
import type { Algorithm } from "./algorithms.js";

export type { Algorithm } from "./algorithms.js";

/** Digest with its algorithm. `hex` is in lower case. */
export interface Digest {
  readonly algorithm: Algorithm;
  readonly hex: string;
}

/** SHA-256 digest. */
export interface Sha256 extends Digest {
  readonly algorithm: "sha256";
}

/** Digests of one content by algorithm. SHA-256 is always included. */
export type Digests = Readonly<Partial<Record<Algorithm, string>>> & { readonly sha256: string };

const READ_BYTES = 1024 * 1024;

/** Computes several digests of the same data. */
export class Hashers {
  readonly #hashes: ReadonlyMap<Algorithm, Hash>;

  /** @param algorithms beside SHA-256, which is always computed. */
  constructor(algorithms: readonly Algorithm[]) {
    const wanted = new Set<Algorithm>(["sha256", ...algorithms]);
    this.#hashes = new Map(
      [...wanted].map((algorithm) => [algorithm, createHash(cryptoName(algorithm))]),
    );
  }

  /** Consumes the next bytes. */
  update(chunk: Buffer): void {
    for (const hash of this.#hashes.values()) hash.update(chunk);
  }

  /** Returns the digests. No data can be added afterwards. */
  finish(): Digests {
    const pairs = [...this.#hashes].map(([algorithm, hash]) => [algorithm, hash.digest("hex")]);
    return Object.fromEntries(pairs) as Digests;
  }
}

/**
 * Feeds a file, or its first `length` bytes, to hashers.
 * @param onBytes called with the number of bytes of each chunk.
 */
export async function feedFile(
  path: string | Buffer,
  hashers: Hashers,
  signal: AbortSignal,
  options: { length?: number; onBytes?: (bytes: number) => void } = {},
): Promise<void> {
  if (options.length === 0) return;
  const end = options.length === undefined ? {} : { end: options.length - 1 };
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES, ...end })) {
    signal.throwIfAborted();
    hashers.update(chunk as Buffer);
    options.onBytes?.((chunk as Buffer).length);
  }
}

/** Computes the digests of a file. */
export async function hashFile(
  path: string | Buffer,
  algorithms: readonly Algorithm[],
  signal: AbortSignal,
  onBytes?: (bytes: number) => void,
): Promise<Digests> {
  const hashers = new Hashers(algorithms);
  await feedFile(path, hashers, signal, onBytes ? { onBytes } : {});
  return hashers.finish();
}
