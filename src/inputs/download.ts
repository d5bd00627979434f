/** A file from the first address that gives it: resumed after cuts, retried, checked. */
import type { Dispatcher } from "undici";
import { VmbuildError } from "../errors.js";
import { requireSpace } from "../host/files.js";
import { displayUrl } from "./address.js";
import type { FullContext } from "./context.js";
import type { Digests } from "./digest.js";
import { decidingDigests, isBorneOut, showExpected, showFound } from "./expected.js";
import type { Expected } from "./expected.js";
import { AddressFailure, asAddressFailure } from "./failure.js";
import type { PartFile } from "./part.js";
import type { Progress } from "./progress.js";
import { pauseBeforeRetry } from "./retry.js";
import { openSource, rangeValidator } from "./source.js";
import type { Opened, OpenRequest, Validators } from "./opened.js";

/** What to download, and what is known about it. */
export interface DownloadJob {
  /** For messages. */
  readonly label: string;
  /** Tried in order. */
  readonly addresses: readonly string[];
  /** The header of that name, for the first address. */
  readonly authorization?: string | undefined;
  readonly part: PartFile;
  /** What the content must have; undefined where anything is accepted. */
  readonly expected: Expected | undefined;
  /** The version that is cached already, and the address that it came from. */
  readonly cached?: (Validators & { readonly address: string; readonly size: number }) | undefined;
  readonly progress: Progress;
}

/** A whole, checked file; it still lies in the part. */
export interface Downloaded extends Validators {
  /** Without credentials. */
  readonly address: string;
  readonly digests: Digests;
  readonly size: number;
}

/** So much more than ever before counts as a success, and attempts are counted anew. */
const NEW_GROUND_BYTES = 1024 * 1024;

/** The content is whole and wrong. */
class WrongContent extends AddressFailure {
  readonly found: string;
  constructor(expected: Expected, found: string) {
    const message = `wrong checksum: expected ${showExpected(expected)}, found ${found}`;
    super(message, { retryable: false });
    this.found = found;
  }
}

/** What to ask `address` for, given the part in hand. */
function requestFor(job: DownloadJob, address: string): OpenRequest {
  const { record, position } = job.part;
  if (record && position > 0) {
    const ifRange = record.address === displayUrl(address) ? rangeValidator(record) : undefined;
    // Another address's validators say nothing here, but a checksum will.
    const sameBySum = job.expected !== undefined && record.total !== undefined;
    if (ifRange !== undefined || sameBySum) {
      return { from: position, ifRange, total: record.total };
    }
  }
  return { from: 0, unless: job.cached?.address === displayUrl(address) ? job.cached : undefined };
}

/**
 * Reads a body to its end. Each chunk is taken as it comes: what a stream has buffered when its
 * connection is cut is lost, so hardly anything may lie there.
 */
async function pour(opened: Opened, part: PartFile, onChunk: () => void): Promise<void> {
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

/** What a body ended with, told apart from what the disk said. */
class BodyError extends Error {
  constructor(cause: unknown) {
    super("the response ended early", { cause });
  }
}

/** Takes a body into the part. */
async function receive(
  job: DownloadJob,
  address: string,
  opened: Opened,
  context: FullContext,
): Promise<void> {
  const { part, progress } = job;
  const { etag, lastModified, total } = opened;
  // The connection may be cut before anybody reads; the reading itself tells then.
  opened.body.on("error", () => {});
  try {
    // What the server compressed on its way has no place from which it could be resumed.
    const validators = opened.encoded ? {} : { etag, lastModified };
    const record = { address: displayUrl(address), ...validators, total };
    if (opened.from > 0) await part.resume(record);
    else await part.restart(record);
    if (total !== undefined) await requireSpace(part.path, total - part.position, job.label);
    const tell = (): void => progress.at(part.position, total ?? null);
    tell();
    await pour(opened, part, tell);
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
  if (expected && !isBorneOut(expected, digests)) {
    await part.reset();
    if (!mixed) throw new WrongContent(expected, showFound(expected, digests));
    // A power cut may have spoilt the part that was kept, or it was of another file.
    context.emit({
      type: "note",
      message: `${job.label}: the partial download is discarded, because it does not match`,
    });
    return attempt(job, address, agent, context);
  }
  const { etag, lastModified } = opened;
  return { address: displayUrl(address), etag, lastModified, digests, size };
}

/** Attempts at one address, with growing pauses, for as long as they bring something new. */
async function downloadFrom(
  job: DownloadJob,
  address: string,
  agent: Dispatcher,
  context: FullContext,
): Promise<Downloaded | "unchanged"> {
  const { limits, signal } = context;
  let failures = 0;
  let furthest = job.part.position;
  for (;;) {
    try {
      return await attempt(job, address, agent, context);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof AddressFailure) || !error.retryable) throw error;
      const isNewGround = job.part.position >= furthest + NEW_GROUND_BYTES;
      failures = isNewGround ? 1 : failures + 1;
      furthest = Math.max(furthest, job.part.position);
      if (failures >= limits.attempts) {
        const message = `${error.message} (${failures} attempts)`;
        const { hint } = error;
        throw new AddressFailure(message, { retryable: false, hint, cause: error });
      }
      await pauseBeforeRetry(job.label, error, failures, context);
    }
  }
}

/** The error that tells what each address said. */
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
      `${displayUrl(address)} has the wrong checksum: expected ${showExpected(job.expected)}, found ${failure.found}`,
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
 * @returns `unchanged` when the address still holds the version of `job.cached`.
 * @throws {VmbuildError} INPUT_CHECKSUM, INPUT_DOWNLOAD (with each address and its reason),
 *   HOST_SPACE; the signal's own reason when it was aborted. A part that can be resumed stays.
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
