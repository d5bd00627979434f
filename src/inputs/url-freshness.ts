/** Compares a file behind an address with the one that an image was made from. */
import type { Dispatcher } from "undici";
import { VmbuildError } from "../errors.js";
import { displayUrl } from "./address.js";
import { withAgent } from "./agent.js";
import { parseChecksum } from "./checksum.js";
import type { FullContext } from "./context.js";
import { expectedSums } from "./expected-sums.js";
import type { Expected } from "./expected.js";
import { AddressFailure } from "./failure.js";
import { isoDate, knownDigests } from "./freshness.js";
import type { Freshness, KnownContent } from "./freshness.js";
import type { OpenedSource } from "./opened-source.js";
import { retrying } from "./retry.js";
import { openSource } from "./source.js";
import type { UrlSpec } from "./url-source.js";

/** Compares the expected digests with the known ones. */
function compareSums(expected: Expected, known: KnownContent): Freshness {
  const digests = knownDigests(known);
  for (const { hex, algorithms } of expected) {
    if (algorithms.some((algorithm) => digests[algorithm] === hex)) continue;
    const algorithm = algorithms.find((name) => digests[name] !== undefined);
    if (algorithm === undefined) {
      const reason = `the manifest of the image has no ${algorithms.join(" or ")} checksum`;
      return { state: "unknown", reason };
    }
    const versions = { from: `${algorithm}:${digests[algorithm]}`, to: `${algorithm}:${hex}` };
    return { state: "changed", reason: "its checksum differs", ...versions };
  }
  return { state: "current", reason: "its checksum is the same" };
}

/** Asks a server whether a file still has the recorded version. Its content is not read. */
async function askServer(
  address: string,
  upstream: NonNullable<KnownContent["upstream"]>,
  agent: Dispatcher,
  context: FullContext,
): Promise<OpenedSource | "unchanged"> {
  const { limits, signal } = context;
  const attempt = async (): Promise<OpenedSource | "unchanged"> => {
    const answer = await openSource(
      address,
      { from: 0, unless: upstream },
      { agent, limits, signal },
    );
    if (answer === "unchanged") return answer;
    // Destroying the body makes undici emit an error that nothing else listens to.
    answer.body.on("error", () => {});
    answer.body.destroy();
    return answer;
  };
  try {
    return await retrying({ label: displayUrl(address), attempt }, context);
  } catch (error) {
    if (!(error instanceof AddressFailure)) throw error;
    const message = `Could not ask for the version of ${displayUrl(address)}: ${error.message}`;
    throw new VmbuildError("INPUT_DOWNLOAD", message, { cause: error, hint: error.hint });
  }
}

const versionOf = ({
  etag,
  lastModified,
}: Pick<OpenedSource, "etag" | "lastModified">): string | undefined => etag ?? lastModified;

async function compareVersion(
  spec: UrlSpec,
  { upstream }: KnownContent,
  agent: Dispatcher,
  context: FullContext,
): Promise<Freshness> {
  if (!upstream || versionOf(upstream) === undefined) {
    const reason = "its server gave neither an ETag nor a date when it was downloaded";
    return { state: "unknown", reason };
  }
  const addresses = [spec.url, ...(spec.mirrors ?? [])];
  const address = addresses.find((one) => displayUrl(one) === upstream.address);
  if (address === undefined) {
    const versions = { from: upstream.address, to: displayUrl(spec.url) };
    return { state: "changed", reason: "the template names another address", ...versions };
  }
  const answer = await askServer(address, upstream, agent, context);
  if (answer === "unchanged")
    return { state: "current", reason: "its server has the same version" };
  return {
    ...{ state: "changed", reason: "its server has another version" },
    ...{ from: versionOf(upstream), to: versionOf(answer), since: isoDate(answer.lastModified) },
  };
}

/**
 * Compares a file by the checksum in the template or in its checksum file, otherwise by the
 * validators of its server. The file itself is not downloaded.
 * @throws {VmbuildError} INPUT_DOWNLOAD, INPUT_SIGNATURE, INPUT_CHECKSUM; the signal's own reason
 *   when it aborted.
 */
export async function compareUrl(
  spec: UrlSpec,
  known: KnownContent,
  context: FullContext,
): Promise<Freshness> {
  const checksum = parseChecksum(spec.checksum);
  return withAgent(async (agent) => {
    const sums = await expectedSums({ spec, checksum, context }, agent);
    if (!sums.expected) return compareVersion(spec, known, agent, context);
    const found = compareSums(sums.expected, known);
    const since = isoDate(sums.lastModified);
    return found.state === "changed" ? { ...found, since } : found;
  });
}
