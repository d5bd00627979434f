/** Writes the files of a spool: short ones, of which those that were delivered are removed. */
import { closeSync, ftruncateSync, openSync, rmSync, statSync, writeSync } from "node:fs";
import { join } from "node:path";

/** Size from which a further file is begun, unless the spool is small. */
const SEGMENT_BYTES = 1024 * 1024;
/** Number of segments that a full spool has at least, so that most of its room becomes free again. */
const MIN_SEGMENTS = 16;

/** Returns the name of a segment. */
export function segmentName(number: number): string {
  return `${String(number).padStart(6, "0")}.ndjson`;
}

/** Returns the number of a segment by its name; undefined for another file. */
export function segmentNumber(name: string): number | undefined {
  const digits = /^(\d{6,})\.ndjson$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Segments of a spool, of which the last one is written. */
export class SegmentWriter {
  readonly #folder: string;
  /** Sizes by number, in order. */
  readonly #sizes: Map<number, number>;
  #file: { readonly number: number; readonly descriptor: number } | undefined;
  readonly #segmentBytes: number;
  #last: number;

  /**
   * Continues after the segments that exist. They are not written any more.
   * @param limit size of the spool. Bytes.
   */
  constructor(folder: string, existing: readonly number[], limit: number) {
    this.#folder = folder;
    this.#segmentBytes = Math.min(SEGMENT_BYTES, limit / MIN_SEGMENTS);
    this.#sizes = new Map(
      existing.map((number) => [number, statSync(join(folder, segmentName(number))).size]),
    );
    this.#last = existing.at(-1) ?? 0;
  }

  /** Numbers of the segments that exist, in order. */
  get segments(): number[] {
    return [...this.#sizes.keys()];
  }

  /** Size of all segments. */
  get bytes(): number {
    return [...this.#sizes.values()].reduce((sum, size) => sum + size, 0);
  }

  /**
   * Appends a line, completely or not at all.
   * @throws the system's error.
   */
  write(line: string): void {
    const { number, descriptor } = this.#open();
    const size = this.#sizes.get(number) ?? 0;
    const bytes = Buffer.from(line);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at);
    } catch (error) {
      ftruncateSync(descriptor, size);
      throw error;
    }
    this.#sizes.set(number, size + bytes.length);
  }

  #open(): { readonly number: number; readonly descriptor: number } {
    const file = this.#file;
    if (file && (this.#sizes.get(file.number) ?? 0) < this.#segmentBytes) return file;
    const number = this.#last + 1;
    const descriptor = openSync(join(this.#folder, segmentName(number)), "a", 0o600);
    this.close();
    this.#last = number;
    this.#sizes.set(number, 0);
    this.#file = { number, descriptor };
    return this.#file;
  }

  /** Removes the segments before this one. */
  removeBefore(number: number): void {
    for (const one of this.segments.filter((each) => each < number)) {
      rmSync(join(this.#folder, segmentName(one)), { force: true });
      this.#sizes.delete(one);
    }
  }

  /** Closes the file that is written. */
  close(): void {
    if (this.#file) closeSync(this.#file.descriptor);
    this.#file = undefined;
  }
}
