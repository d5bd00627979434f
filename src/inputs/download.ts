/**
 * Downloads a file from the first address that succeeds, with resumption, retries and verification.
 */
import type { Dispatcher } from "undici";
import { VmbuildError } from "../errors.js";
import { requireSpace } from "../host/files.js";
import { displayUrl } from "./address.js";
import type { FullContext } from "./context.js";
import type { Digests } from "./digest.js";
import { decidingDigests, matchesExpected, formatExpected, formatFound } from "./expected.js";
import type { Expected } from "./expected.js";
import { AddressFailure, asAddressFailure } from "./failure.js";
import type { PartFile } from "./part.js";
import type { Progress } from "./progress.js";
import { retrying } from "./retry.js";
import { openSource, rangeValidator } from "./source.js";
import type { OpenedSource, OpenRequest, Validators } from "./opened-source.js";

/** Download, and what is known about the file. */
export interface DownloadJob {
  /** Name for messages. */
  readonly label: string;
  /** Addresses in the order in which they are tried. */
  readonly addresses: readonly string[];
  /** Value of the Authorization header for the first address. */
  readonly authorization?: string | undefined;
  readonly part: PartFile;
  /** Required digests; undefined where any content is accepted. */
  readonly expected: Expected | undefined;
  /** Cached version of the file, and the address that it came from. */
  readonly cached?: (Validators & { readonly address: string; readonly size: number }) | undefined;
  readonly progress: Progress;
}

/** Complete, verified file, which is still in the part file. */
export interface Downloaded extends Validators {
  /** Address without credentials. */
  readonly address: string;
  readonly digests: Digests;
  readonly size: number;
}

/**
 * Amount of new data after which an attempt counts as progress and the attempts are counted from
 * zero.
 */
const NEW_GROUND_BYTES = 1024 * 1024;

/** Failure for a complete download with the wrong digest. */
class WrongContent extends AddressFailure {
  readonly found: string;
  constructor(expected: Expected, found: string) {
    const message = `wrong checksum: expected ${formatExpected(expected)}, found ${found}`;
    super(message, { retryable: false });
    this.found = found;
  }
}

/** Returns the request for `address`, depending on the data received so far. */
function requestFor(job: DownloadJob, address: string): OpenRequest {
  const { record, position } = job.part;
  if (record && position > 0) {
    const ifRange = record.address === displayUrl(address) ? rangeValidator(record) : undefined;
    // Validators of another address do not apply here, but a checksum does.
    const sameBySum = job.expected !== undefined && record.total !== undefined;
    if (ifRange !== undefined || sameBySum) {
      return { from: position, ifRange, total: record.total };
    }
  }
  return { from: 0, unless: job.cached?.address === displayUrl(address) ? job.cached : undefined };
}

/**
 * Reads a body to its end. Each chunk is consumed at once, because data that a stream has buffered
 * is lost when its connection is cut.
 */
async function readBody(opened: OpenedSource, part: PartFile, onChunk: () => void): Promise<void> {
  const { body } = opened;
  await new Promise<void>((resolve, reject) => {
    if (body.errored) return reject(new BodyError(body.errored));
    body.on("error", (error) => reject(new BodyError(error)));
    body.on("end", resolve);
    body.on("data", (chunk: Buffer) => {
      const room = part.append(chunk);
      onChunk();
      if (!room) return;
      body.pause();
      room.then(() => body.resume(), reject);
    });
  });
}

/** Error of the response body, as opposed to an error of the local disk. */
class BodyError extends Error {
  constructor(cause: unknown) {
    super("the response ended early", { cause });
  }
}

/** Writes a body to the part file. */
async function receive(
  job: DownloadJob,
  address: string,
  opened: OpenedSource,
  context: FullContext,
): Promise<void> {
  const { part, progress } = job;
  const { etag, lastModified, total } = opened;
  // The connection may be cut before the body is read; reading it reports the error.
  opened.body.on("error", () => {});
  try {
    // A response that the server compressed cannot be resumed.
    const validators = opened.encoded ? {} : { etag, lastModified };
    const record = { address: displayUrl(address), ...validators, total };
    if (opened.from > 0) await part.resume(record);
    else await part.restart(record);
    if (total !== undefined) await requireSpace(part.path, total - part.position, job.label);
    const report = (): void => progress.at(part.position, total ?? null);
    report();
    await readBody(opened, part, report);
  } catch (error) {
    context.signal.throwIfAborted();
    throw error instanceof BodyError ? asAddressFailure(error.cause, context.limits) : error;
  } finally {
    opened.body.destroy();
    await part.flush();
  }
  if (total !== undefined && part.position !== total) {
    const message = `the connection was closed at ${part.position} of ${total} bytes`;
    throw new AddressFailure(message, { retryable: true });
  }
}

async function attempt(
  job: DownloadJob,
  address: string,
  agent: Dispatcher,
  context: FullContext,
): Promise<Downloaded | "unchanged"> {
  const { part, expected } = job;
  const authorization = address === job.addresses[0] ? job.authorization : undefined;
  const wanted = { ...requestFor(job, address), authorization };
  const opened = await openSource(address, wanted, agent, context.limits, context.signal);
  if (opened === "unchanged") return "unchanged";
  await receive(job, address, opened, context);
  const { mixed, position: size } = part;
  const computed = part.finish();
  const digests = expected
    ? await decidingDigests(part.path, computed, expected, context.signal)
    : computed;
  if (expected && !matchesExpected(expected, digests)) {
    await part.reset();
    if (!mixed) throw new WrongContent(expected, formatFound(expected, digests));
    // The part file may be damaged by a power failure, or belong to another file.
    context.emit({
      type: "note",
      message: `${job.label}: the partial download is discarded, because it does not match`,
    });
    return attempt(job, address, agent, context);
  }
  const { etag, lastModified } = opened;
  return { address: displayUrl(address), etag, lastModified, digests, size };
}

/** Makes attempts at one address with growing delays, as long as they make progress. */
async function downloadFrom(
  job: DownloadJob,
  address: string,
  agent: Dispatcher,
  context: FullContext,
): Promise<Downloaded | "unchanged"> {
  let furthest = job.part.position;
  const work = {
    label: job.label,
    attempt: () => attempt(job, address, agent, context),
    advanced: () => {
      const { position } = job.part;
      const isNewGround = position >= furthest + NEW_GROUND_BYTES;
      furthest = Math.max(furthest, position);
      return isNewGround;
    },
  };
  return retrying(work, context);
}

/** Returns the error that lists the failure of each address. */
function failedEverywhere(
  job: DownloadJob,
  failures: ReadonlyMap<string, AddressFailure>,
): VmbuildError {
  const all = [...failures];
  const lines = all.map(([address, { message }]) => `${displayUrl(address)}: ${message}`);
  const details = { addresses: all.map(([address]) => displayUrl(address)) };
  for (const [address, failure] of all) {
    if (!(failure instanceof WrongContent) || !job.expected) continue;
    const [sum] = job.expected;
    return new VmbuildError(
      "INPUT_CHECKSUM",
      `${displayUrl(address)} has the wrong checksum: expected ${formatExpected(job.expected)}, found ${failure.found}`,
      {
        lines: all.length > 1 ? lines : [],
        details: {
          ...details,
          algorithm: sum?.algorithms.join("/"),
          expected: sum?.hex,
          found: failure.found,
        },
      },
    );
  }
  const cause = all[0]?.[1];
  const hint = all.find(([, failure]) => failure.hint !== undefined)?.[1].hint;
  if (all.length === 1) {
    return new VmbuildError("INPUT_DOWNLOAD", `Could not download ${lines[0] ?? ""}`, {
      cause,
      details,
      hint,
    });
  }
  const message = `Could not download ${job.label} from any of ${all.length} addresses`;
  return new VmbuildError("INPUT_DOWNLOAD", message, { cause, lines, details, hint });
}

/**
 * Downloads a file into `job.part`, which the caller publishes or closes.
 * @returns `unchanged` when the address still has the version of `job.cached`.
 * @throws {VmbuildError} INPUT_CHECKSUM, INPUT_DOWNLOAD (with each address and its reason),
 *   HOST_SPACE; the signal's own reason when it aborted. A part file that can be resumed is kept.
 */
export async function download(
  job: DownloadJob,
  agent: Dispatcher,
  context: FullContext,
): Promise<Downloaded | "unchanged"> {
  const failures = new Map<string, AddressFailure>();
  for (const address of job.addresses) {
    try {
      return await downloadFrom(job, address, agent, context);
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof AddressFailure)) throw error;
      failures.set(address, error);
      if (failures.size < job.addresses.length) {
        const message = `${displayUrl(address)}: ${error.message}; trying the next address`;
        context.emit({ type: "warning", message });
      }
    }
  }
  throw failedEverywhere(job, failures);
}
