/** What a content must have: a digest by one algorithm, or by whichever of several makes it. */
import type { Algorithm } from "./algorithms.js";
import { hashFile } from "./digest.js";
import type { Digest, Digests } from "./digest.js";

/** A digest that a sums file gives without always saying by which algorithm. */
export interface ExpectedSum {
  /** In lower case. */
  readonly hex: string;
  /** Those that it may be, the most common first; never empty. */
  readonly algorithms: readonly Algorithm[];
}

/** Each of these must be the content's digest, by one of its own algorithms. */
export type Expected = readonly ExpectedSum[];

/** A digest whose algorithm is known. */
export function expectDigest({ algorithm, hex }: Digest): Expected {
  return [{ hex, algorithms: [algorithm] }];
}

/** The algorithms to compute along with a download: the most common one of each. */
export function firstAlgorithms(expected: Expected | undefined): Algorithm[] {
  return (expected ?? []).flatMap(({ algorithms }) => algorithms.slice(0, 1));
}

/** Whether the digests that are known bear out all that is expected. */
export function matchesExpected(expected: Expected, digests: Digests): boolean {
  return expected.every(({ hex, algorithms }) =>
    algorithms.some((algorithm) => digests[algorithm] === hex),
  );
}

/**
 * The digests of a file that decide: those that are known, and where these do not bear out what
 * is expected, those of the other algorithms that it may be.
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

/** What is expected, for messages: `sha256 abc…`, `sha512, sha3-512 or blake2b abc…`. */
export function formatExpected(expected: Expected): string {
  const all = expected.map(({ hex, algorithms }) => {
    const last = algorithms.at(-1) ?? "";
    const names = algorithms.slice(0, -1).join(", ");
    return `${names === "" ? last : `${names} or ${last}`} ${hex}`;
  });
  return all.join(" and ");
}

/** What was found instead, for messages: the bare digest where one algorithm was expected. */
export function formatFound(expected: Expected, digests: Digests): string {
  const algorithms = [...new Set(expected.flatMap((sum) => sum.algorithms))];
  const [only] = algorithms;
  if (only && algorithms.length === 1) return digests[only] ?? "nothing";
  return algorithms.map((algorithm) => `${algorithm} ${digests[algorithm] ?? "?"}`).join(", ");
}
