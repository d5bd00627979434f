/** Compares digests with expected ones, whose algorithm may be ambiguous. */
import type { Algorithm } from "./algorithms.js";
import { hashFile } from "./digest.js";
import type { Digest, Digests } from "./digest.js";

/** Expected digest. A checksum file does not always state its algorithm. */
export interface ExpectedSum {
  /** Digest in lower case. */
  readonly hex: string;
  /** Possible algorithms, the most common first; never empty. */
  readonly algorithms: readonly Algorithm[];
}

/** Expected digests of a content. Each must match by one of its algorithms. */
export type Expected = readonly ExpectedSum[];

/** Returns the expectation of a digest whose algorithm is known. */
export function expectDigest({ algorithm, hex }: Digest): Expected {
  return [{ hex, algorithms: [algorithm] }];
}

/**
 * Returns the algorithms to compute during a download: the most common one of each expected digest.
 */
export function firstAlgorithms(expected: Expected | undefined): Algorithm[] {
  return (expected ?? []).flatMap(({ algorithms }) => algorithms.slice(0, 1));
}

/** Returns whether the known digests match everything that is expected. */
export function matchesExpected(expected: Expected, digests: Digests): boolean {
  return expected.every(({ hex, algorithms }) =>
    algorithms.some((algorithm) => digests[algorithm] === hex),
  );
}

/**
 * Returns the digests needed to verify a file: the known ones and, where these do not match, those
 * of the other possible algorithms.
 */
export async function decidingDigests(
  path: string,
  known: Digests,
  expected: Expected,
  signal: AbortSignal,
): Promise<Digests> {
  if (matchesExpected(expected, known)) return known;
  const all = expected.flatMap(({ algorithms }) => algorithms);
  const lacking = all.filter((algorithm) => known[algorithm] === undefined);
  if (lacking.length === 0) return known;
  return { ...known, ...(await hashFile(path, lacking, signal)) };
}

/** Formats the expected digests for messages: `sha256 abc…`, `sha512, sha3-512 or blake2b abc…`. */
export function formatExpected(expected: Expected): string {
  const all = expected.map(({ hex, algorithms }) => {
    const last = algorithms.at(-1) ?? "";
    const names = algorithms.slice(0, -1).join(", ");
    return `${names === "" ? last : `${names} or ${last}`} ${hex}`;
  });
  return all.join(" and ");
}

/** Formats the computed digests for messages; only the digest where one algorithm was expected. */
export function formatFound(expected: Expected, digests: Digests): string {
  const algorithms = [...new Set(expected.flatMap((sum) => sum.algorithms))];
  const [only] = algorithms;
  if (only && algorithms.length === 1) return digests[only] ?? "nothing";
  return algorithms.map((algorithm) => `${algorithm} ${digests[algorithm] ?? "?"}`).join(", ");
}
