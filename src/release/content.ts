/** Describes what is uploaded: an image's parts, its index, its sums, and other small files. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { Readable } from "node:stream";
import { VmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import { createProgress } from "../inputs/progress.js";
import { systemClock } from "../inputs/clock.js";
import { imageAsset, partName } from "./names.js";
import type { Content } from "./store.js";

const READ_BYTES = 64 * 1024;

/** File of an image that is uploaded. */
export interface ImageFile {
  /** Name of the template. */
  readonly name: string;
  /** Absolute. */
  readonly path: string;
  /** Recorded sha256 in hexadecimal. */
  readonly sha256: string;
}

/** Image with the assets that it becomes. */
export interface DescribedImage {
  /** Bytes. */
  readonly size: number;
  readonly parts: readonly Content[];
}

interface HashedPart {
  readonly start: number;
  readonly end: number;
  readonly sha256: string;
}

/** Hashes the whole file and each of its parts in one pass. */
async function hashParts(
  path: string,
  limits: { readonly size: number; readonly partSize: number },
  report: { readonly onBytes: (done: number) => void; readonly signal: AbortSignal },
): Promise<{ readonly whole: string; readonly parts: readonly HashedPart[] }> {
  const { size, partSize } = limits;
  const whole = createHash("sha256");
  const parts: HashedPart[] = [];
  for (let start = 0; start < size || parts.length === 0; start += partSize) {
    const end = Math.min(size, start + partSize);
    const hash = createHash("sha256");
    let at = start;
    for await (const chunk of rangeOf(path, start, end)) {
      report.signal.throwIfAborted();
      const data = chunk as Buffer;
      hash.update(data);
      whole.update(data);
      at += data.length;
      report.onBytes(at);
    }
    if (at !== end) throw changed(path);
    parts.push({ start, end, sha256: hash.digest("hex") });
  }
  return { whole: whole.digest("hex"), parts };
}

/** Reads the bytes from `start` up to, but not including, `end`. */
function rangeOf(path: string, start: number, end: number): Readable {
  if (end <= start) return Readable.from([]);
  return createReadStream(path, { start, end: end - 1, highWaterMark: READ_BYTES });
}

function changed(path: string): VmbuildError {
  return new VmbuildError("ARTIFACT_INVALID", `${path} was changed while it was read`, {
    hint: "Wait until the build has ended, and run the command again.",
  });
}

/** Returns a range of a file as content, whose digest is checked while it is read to its end. */
function partContent(path: string, name: string, part: HashedPart): Content {
  const size = part.end - part.start;
  return {
    ...{ name, size, sha256: part.sha256 },
    read(start, end) {
      const source = rangeOf(path, part.start + start, part.start + end);
      if (start > 0 || end < size) return source;
      return Readable.from(checked(source, path, part.sha256), { objectMode: false });
    },
  };
}

async function* checked(source: Readable, path: string, sha256: string) {
  const hash = createHash("sha256");
  for await (const chunk of source) {
    hash.update(chunk as Buffer);
    yield chunk as Buffer;
  }
  if (hash.digest("hex") !== sha256) throw changed(path);
}

/**
 * Splits an image into parts and computes their digests. The image is read once.
 * @param options `partSize`: largest size of a part in bytes.
 * @throws {VmbuildError} ARTIFACT_INVALID when it does not have its recorded sha256.
 */
export async function describeImage(
  image: ImageFile,
  options: { readonly partSize: number; readonly emit: Emit; readonly signal: AbortSignal },
): Promise<DescribedImage> {
  const { name, path, sha256 } = image;
  const { partSize, emit, signal } = options;
  const { size } = await stat(path);
  const progress = createProgress(emit, systemClock, `hash ${name}`, `Hashing ${name}`);
  const onBytes = (done: number): void => progress.at(done, size);
  const found = await hashParts(path, { size, partSize }, { onBytes, signal });
  progress.finish(size);
  if (found.whole !== sha256) {
    throw new VmbuildError("ARTIFACT_INVALID", `${path} does not have its recorded sha256`, {
      lines: [`recorded: ${sha256}`, `found:    ${found.whole}`],
    });
  }
  const isWhole = found.parts.length === 1;
  const parts = found.parts.map((part, index) =>
    partContent(path, isWhole ? imageAsset(name) : partName(name, index), part),
  );
  return { size, parts };
}

/** Returns a small text as content. */
export function textContent(name: string, text: string): Content {
  const data = Buffer.from(text);
  return {
    ...{ name, size: data.length, sha256: createHash("sha256").update(data).digest("hex") },
    read: (start, end) => Readable.from([data.subarray(start, end)], { objectMode: false }),
  };
}
