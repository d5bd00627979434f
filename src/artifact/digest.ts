/** Computes all checksums of a file in one pass. */
import { open } from "node:fs/promises";
import { basename } from "node:path";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { artifactError } from "./failures.js";
import { HashThreads } from "./hash-threads.js";

/**
 * Checksum algorithms of an artifact. The names are those of OpenSSL and also the file extensions.
 */
export const ALGORITHMS = ["sha256", "md5", "sha512", "sha1"] as const;
/** One of {@link ALGORITHMS}. */
export type Algorithm = (typeof ALGORITHMS)[number];

/** Digests in lower-case hexadecimal, by algorithm. */
export type Digests<A extends Algorithm = Algorithm> = Record<A, string>;

/** Options of a digest. */
export interface DigestOptions {
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

async function feed(
  path: string,
  hashers: HashThreads,
  onProgress: (done: number, total: number) => void,
): Promise<void> {
  const handle = await open(path, "r");
  try {
    const { size } = await handle.stat();
    let at = 0;
    for (;;) {
      const slot = await hashers.slot();
      const { bytesRead } = await handle.read(slot, 0, slot.length, at);
      if (bytesRead === 0) break;
      hashers.push(slot, bytesRead);
      at += bytesRead;
      onProgress(at, Math.max(at, size));
    }
    if (at !== size) {
      throw new VmbuildError(
        "ARTIFACT_DIGEST",
        `${path} changed while it was read: ${size} bytes at the start, ${at} at the end`,
      );
    }
  } finally {
    await handle.close();
  }
}

/**
 * Reads a file once and computes all checksums in parallel, with one thread for each. Emits about a
 * hundred `progress` events of the task `digest`, in bytes.
 * @throws {VmbuildError} ARTIFACT_DIGEST when the file cannot be read or changes meanwhile, the
 *   signal's reason when aborted.
 */
export async function digestFile<A extends Algorithm>(
  path: string,
  algorithms: readonly A[],
  { emit, signal }: DigestOptions,
): Promise<Digests<A>> {
  signal.throwIfAborted();
  if (algorithms.length === 0) return {} as Digests<A>;
  const label = `Hashing ${basename(path)} (${algorithms.join(", ")})`;
  let shown = 0;
  const hashers = new HashThreads(algorithms, signal);
  try {
    await feed(path, hashers, (done, total) => {
      if (done < total && done - shown < total / 100) return;
      shown = done;
      emit({ type: "progress", task: "digest", label, done, total, unit: "bytes" });
    });
    return Object.fromEntries(await hashers.digests()) as Digests<A>;
  } catch (error) {
    signal.throwIfAborted();
    throw artifactError("ARTIFACT_DIGEST", `Cannot compute the checksums of ${path}`, error);
  } finally {
    await hashers[Symbol.asyncDispose]();
  }
}
