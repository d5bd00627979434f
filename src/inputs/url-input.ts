/** Resolves a file behind an address: from the cache where it is valid, otherwise by download. */
import type { Dispatcher } from "undici";
import { VmbuildError } from "../errors.js";
import { baseNameOf, displayUrl } from "./address.js";
import { addressProblem } from "./address-problem.js";
import {
  cacheEntry,
  cacheKey,
  isSameStamp,
  lockEntry,
  readMeta,
  stampOf,
  writeMeta,
} from "./cache.js";
import type { CacheEntry, Meta } from "./cache.js";
import { parseChecksum } from "./checksum.js";
import type { Checksum } from "./checksum.js";
import { recognizeFile } from "./content.js";
import type { FullContext } from "./context.js";
import { hashFile } from "./digest.js";
import { download } from "./download.js";
import { decidingDigests, expectDigest, firstAlgorithms, matchesExpected } from "./expected.js";
import type { Expected } from "./expected.js";
import { expectedSums } from "./expected-sums.js";
import { withAgent } from "./agent.js";
import { PartFile } from "./part.js";
import { createProgress } from "./progress.js";
import type { ResolvedInput } from "./spec.js";
import { unpack, unpackedPath } from "./unpack.js";
import { signatureProblem } from "./url-source.js";
import type { UrlSpec } from "./url-source.js";

/** Input that is being resolved. */
interface Job {
  readonly name: string;
  readonly spec: UrlSpec;
  readonly checksum: Checksum;
  readonly entry: CacheEntry;
  readonly context: FullContext;
}

/**
 * Identifies the checksum file and the signature that `spec` trusts; as a hash, because addresses
 * may contain credentials.
 */
function verificationId({ checksum, signature }: UrlSpec): string {
  return cacheKey([checksum, signature?.url, signature?.keyring].join("\n"));
}

/** Returns whether the intact cached file can be used without any request. */
function needsNoRequest(meta: Meta, { spec, checksum, context }: Job): boolean {
  switch (checksum.kind) {
    case "digest":
      return meta.digests[checksum.digest.algorithm] === checksum.digest.hex;
    case "sums":
      return context.offline && meta.vouchedBy === verificationId(spec);
    case "none":
      return context.offline;
  }
}

/** Returns whether the file at the input's final path exists and is unchanged. */
async function isIntact(meta: Meta, { spec, entry }: Job): Promise<boolean> {
  if (!isSameStamp(await stampOf(entry.file), meta)) return false;
  const target = unpackedPath(entry.file);
  if (!spec.unpack) return true;
  // A compressed file without the extension of one cannot be unpacked; that is reported on every
  // run.
  if (target === entry.file) return (await recognizeFile(entry.file)).kind !== "compressed";
  if (meta.unpacked?.from !== meta.digests.sha256) return false;
  return isSameStamp(await stampOf(target), meta.unpacked);
}

async function asResolved(job: Job, meta: Meta, fromCache: boolean): Promise<ResolvedInput> {
  const { name, spec, checksum, entry } = job;
  const path = spec.unpack ? unpackedPath(entry.file) : entry.file;
  const stamp = await stampOf(path);
  const { address, etag, lastModified, size, digests } = meta;
  return {
    name,
    path,
    origin: displayUrl(spec.url),
    digest: { algorithm: "sha256", hex: digests.sha256 },
    upstream: { address, etag, lastModified, size, digests },
    fromCache,
    ...(stamp ? { size: stamp.size } : {}),
    ...(checksum.kind === "none" ? { checksumNone: true } : {}),
  };
}

/**
 * Inspects the cached file, which is hashed again if it was modified; undefined where it cannot be
 * used.
 */
async function inspectCached(job: Job, expected: Expected | undefined): Promise<Meta | undefined> {
  const { spec, entry, context } = job;
  const stamp = await stampOf(entry.file);
  if (!stamp) return undefined;
  const meta = await readMeta(entry);
  const { signal } = context;
  const algorithms = firstAlgorithms(expected);
  const lacking = algorithms.some((algorithm) => meta?.digests[algorithm] === undefined);
  if (meta && isSameStamp(stamp, meta) && !lacking) {
    if (!expected) return meta;
    return { ...meta, digests: await decidingDigests(entry.file, meta.digests, expected, signal) };
  }
  const hashed = await hashFile(entry.file, algorithms, signal);
  const digests = expected ? await decidingDigests(entry.file, hashed, expected, signal) : hashed;
  const url = displayUrl(spec.url);
  const isAsRecorded = meta?.digests.sha256 === digests.sha256;
  // A file without metadata comes from a run that ended between its last two writes.
  const isAsExpected = expected !== undefined && matchesExpected(expected, digests);
  if (!isAsRecorded && !isAsExpected) return undefined;
  const known = isAsRecorded ? meta : { url, address: url, digests };
  const updated = { fetchedAt: now(context), ...known, ...stamp };
  const whole = { ...updated, digests: { ...known.digests, ...digests } };
  await writeMeta(entry, whole);
  return whole;
}

function now({ clock }: FullContext): string {
  return new Date(clock.now()).toISOString();
}

/** Downloads the file and publishes it, unless it is still the cached one. */
async function fetchFile(
  job: Job,
  expected: Expected | undefined,
  cached: Meta | undefined,
  agent: Dispatcher,
): Promise<Meta | "unchanged"> {
  const { name, spec, entry, context } = job;
  const label = baseNameOf(spec.url) || displayUrl(spec.url);
  const progress = createProgress(context.emit, context.clock, `input:${name}`, label);
  const part = await PartFile.open(entry.part, firstAlgorithms(expected), context.signal);
  try {
    const addresses = [spec.url, ...(spec.mirrors ?? [])];
    const task = {
      label,
      addresses,
      part,
      authorization: spec.authorization,
      expected,
      progress,
      cached: expected ? undefined : cached,
    };
    const result = await download(task, agent, context);
    if (result === "unchanged") return "unchanged";
    await part.publish(entry.file);
    const { digests, address, etag, lastModified, size } = result;
    const stamp = (await stampOf(entry.file)) ?? { size, mtimeMs: 0 };
    const meta = { url: displayUrl(spec.url), address, etag, lastModified, digests, ...stamp };
    progress.finish(size);
    return { ...meta, fetchedAt: now(context) };
  } finally {
    await part.close();
  }
}

/** Records the metadata of the file, and unpacks it if required and not done yet. */
async function finish(job: Job, meta: Meta, fromCache: boolean): Promise<ResolvedInput> {
  const { name, spec, checksum, entry, context } = job;
  const isVouched = checksum.kind === "sums" && !context.offline;
  let whole: Meta = { ...meta, ...(isVouched ? { vouchedBy: verificationId(spec) } : {}) };
  await writeMeta(entry, whole);
  if (!(await isIntact(whole, job))) {
    await unpack(entry.file, name, context);
    const stamp = await stampOf(unpackedPath(entry.file));
    if (stamp) whole = { ...whole, unpacked: { ...stamp, from: meta.digests.sha256 } };
    await writeMeta(entry, whole);
  }
  return asResolved(job, whole, fromCache);
}

async function resolveLocked(job: Job, agent: Dispatcher): Promise<ResolvedInput> {
  const { spec, checksum, context } = job;
  if (context.offline) {
    const fixed = checksum.kind === "digest" ? expectDigest(checksum.digest) : undefined;
    const cached = await inspectCached(job, fixed);
    if (cached && needsNoRequest(cached, job)) return finish(job, cached, true);
    throw new VmbuildError(
      "INPUT_DOWNLOAD",
      `${displayUrl(spec.url)} is not cached in the form that the template requires, and this run is offline`,
      { hint: "Run the command once without --offline." },
    );
  }
  const { expected } = await expectedSums(job, agent);
  const cached = await inspectCached(job, expected);
  if (cached && expected) {
    if (matchesExpected(expected, cached.digests)) return finish(job, cached, true);
    const message = `${displayUrl(spec.url)}: the cached file is outdated`;
    context.emit({ type: "note", message });
  }
  const fetched = await fetchFile(job, expected, cached, agent);
  if (fetched !== "unchanged") return finish(job, fetched, false);
  if (cached) return finish(job, cached, true);
  throw new Error(`${displayUrl(spec.url)} is unchanged, but no longer cached`);
}

/** Requires valid addresses. Those of a template were already validated when it was loaded. */
function requireAddresses(name: string, spec: UrlSpec, checksum: Checksum): void {
  const sums = checksum.kind === "sums" ? [checksum.url] : [];
  const signature = spec.signature?.url === undefined ? [] : [spec.signature.url];
  for (const address of [spec.url, ...(spec.mirrors ?? []), ...sums, ...signature]) {
    const problem = addressProblem(address);
    if (problem === undefined) continue;
    const message = `The address ${displayUrl(address)} of ${name} ${problem}`;
    throw new VmbuildError("TEMPLATE_INVALID", message);
  }
}

/**
 * Fetches a file behind an address, or finds it in the cache.
 *
 * With a fixed digest and an unchanged cached file, no request is made. Otherwise the address, or
 * its checksum file, is asked on each run whether the cached file is still current.
 * @throws {VmbuildError} INPUT_DOWNLOAD, INPUT_CHECKSUM, INPUT_SIGNATURE, INPUT_UNPACK,
 *   HOST_SPACE, HOST_PROGRAM_MISSING, TEMPLATE_INVALID; the signal's own reason when it aborted.
 */
export async function resolveUrl(
  name: string,
  spec: UrlSpec,
  context: FullContext,
): Promise<ResolvedInput> {
  const problem = signatureProblem(spec);
  if (problem) throw new VmbuildError("TEMPLATE_INVALID", `${name}: ${problem}`);
  const checksum = parseChecksum(spec.checksum);
  requireAddresses(name, spec, checksum);
  const entry = cacheEntry(spec.url, context.cacheFolder);
  const job: Job = { name, spec, checksum, entry, context };
  if (checksum.kind === "none") {
    context.emit({
      type: "warning",
      message: `${name}: ${displayUrl(spec.url)} is used without verifying a checksum`,
      hint: 'Set "checksum" to "sha256:…" or "file:<URL of a checksum file>".',
    });
  }
  const known = await readMeta(entry);
  if (known && needsNoRequest(known, job) && (await isIntact(known, job))) {
    return asResolved(job, known, true);
  }
  await using _lock = await lockEntry(entry, name, context);
  return await withAgent((agent) => resolveLocked(job, agent));
}
