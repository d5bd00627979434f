/** Determines the digests that a file behind an address must have. */
import type { Dispatcher } from "undici";
import { baseNameOf, displayUrl } from "./address.js";
import type { Checksum } from "./checksum.js";
import type { FullContext } from "./context.js";
import { expectDigest } from "./expected.js";
import type { Expected } from "./expected.js";
import { fetchDocument } from "./fetch-small.js";
import { trustedText } from "./signed-sums.js";
import { findSum } from "./sums-file.js";
import type { UrlSpec } from "./url-source.js";

/** File whose digests are expected. */
interface ExpectedFile {
  readonly spec: UrlSpec;
  /** Parsed `checksum` of the spec. */
  readonly checksum: Checksum;
  readonly context: FullContext;
}

/** Expected digests, and the time at which the checksum file with them was changed. */
export interface ExpectedSums {
  /** Undefined where any content is accepted. */
  readonly expected: Expected | undefined;
  /** Date of the checksum file, as its server states it. */
  readonly lastModified?: string | undefined;
}

/**
 * Returns the expected digests, from the template or from a checksum file, which is fetched and
 * whose signature is verified.
 * @throws {VmbuildError} INPUT_DOWNLOAD, INPUT_SIGNATURE, INPUT_CHECKSUM, HOST_PROGRAM_MISSING.
 */
export async function expectedSums(
  { spec, checksum, context }: ExpectedFile,
  agent: Dispatcher,
): Promise<ExpectedSums> {
  if (checksum.kind === "digest") return { expected: expectDigest(checksum.digest) };
  if (checksum.kind === "none") return { expected: undefined };
  const { url } = checksum;
  const source = displayUrl(url);
  const file = { address: url, what: "the checksum file" };
  const { content, lastModified } = await fetchDocument(file, agent, context);
  const { signature } = spec;
  const { text, signer } = await trustedText(
    { content, source, url, signature },
    async (address) =>
      (await fetchDocument({ address, what: "the signature" }, agent, context)).content,
    context.signal,
  );
  const note = (message: string): void => context.emit({ type: "note", message });
  if (signer !== undefined) note(`${source} is signed by ${signer}`);
  const { expected, skipped } = findSum(text, baseNameOf(spec.url), source);
  for (const line of skipped) note(`${source}: ${line}`);
  return { expected, lastModified };
}
