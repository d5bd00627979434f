/**
 * Keeps the events of a sink on disk, in order, until they are delivered. The disk is bounded, and a
 * full one is bridged in memory.
 */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { messageOf } from "../errors.js";
import { encodeJsonLine } from "../events/sinks/ndjson.js";
import type { SentEvent } from "./kind.js";
import { SegmentWriter, segmentName, segmentNumber } from "./segment.js";

/** Bytes of memory that take events while the disk does not. */
const MEMORY_BYTES = 1024 * 1024;
/** Part of the limit that lines of output may fill, so that they do not displace other events. */
const OUTPUT_SHARE = 0.5;
const POSITION = "position.json";

/** What has been delivered: all segments before this one, and this one up to the offset. */
const positionSchema = z.object({ segment: z.number(), offset: z.number(), seq: z.number() });
type Position = z.infer<typeof positionSchema>;

/** Event in memory, with the place of its end on disk. */
interface Loaded {
  readonly event: SentEvent;
  readonly bytes: number;
  /** Undefined for an event that is not on disk. */
  readonly end: { readonly segment: number; readonly offset: number } | undefined;
}

/** Options of a spool. */
export interface SpoolOptions {
  /** Folder of the spool; created with the first event. */
  readonly folder: string;
  /** Bytes on disk above which events are not taken. */
  readonly limit: number;
  readonly onProblem: (reason: string) => void;
}

function parseLine(line: string): SentEvent | undefined {
  try {
    return JSON.parse(line) as SentEvent;
  } catch {
    // The process was killed while it wrote this line.
    return undefined;
  }
}

function readPosition(folder: string): Position {
  try {
    return positionSchema.parse(JSON.parse(readFileSync(join(folder, POSITION), "utf8")));
  } catch {
    // Nothing was delivered yet; a lost position means that events are delivered again.
    return { segment: 0, offset: 0, seq: 0 };
  }
}

/** Events of one run for one sink that wait for their delivery. */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #writer: SegmentWriter;
  /** Place up to which events were read. */
  #read: { segment: number; offset: number };
  #delivered: Position;
  #loaded: Loaded[] = [];
  #memory: Loaded[] = [];
  #memoryBytes = 0;
  #pending: number;
  /** Number of the last event that was added. */
  #lastSeq: number;
  #lastType: string | undefined;

  private constructor(options: SpoolOptions, segments: readonly number[], found: Found) {
    this.#options = options;
    this.#writer = new SegmentWriter(options.folder, segments, options.limit);
    this.#delivered = found.position;
    this.#read = { segment: found.position.segment, offset: found.position.offset };
    this.#pending = found.pending;
    this.#lastSeq = found.lastSeq;
    this.#lastType = found.lastType;
  }

  /** Opens a spool, with what an earlier process has left in it. */
  static async open(options: SpoolOptions): Promise<Spool> {
    const position = readPosition(options.folder);
    const segments = segmentsIn(options.folder).filter((number) => number >= position.segment);
    let pending = 0;
    let lastSeq = position.seq;
    let lastType: string | undefined;
    for (const segment of segments) {
      const from = segment === position.segment ? position.offset : 0;
      for (const { event } of await readEvents(options.folder, segment, from)) {
        pending++;
        lastSeq = event.seq;
        lastType = event.type;
      }
    }
    return new Spool(options, segments, { position, pending, lastSeq, lastType });
  }

  /** Number of events that wait for their delivery. */
  get pending(): number {
    return this.#pending;
  }

  /** Number of the last event, delivered or not; 0 before the first. */
  get lastSeq(): number {
    return this.#lastSeq;
  }

  /** Type of the last event that waits; undefined where none does. */
  get lastType(): string | undefined {
    return this.#lastType;
  }

  /**
   * Adds an event.
   * @returns false when there is no room for it.
   */
  add(event: SentEvent): boolean {
    const line = `${encodeJsonLine(event)}\n`;
    const bytes = Buffer.byteLength(line);
    const share = event.type === "output" ? OUTPUT_SHARE : 1;
    if (this.#writer.bytes + bytes > this.#options.limit * share) return false;
    // While events are in memory, later ones follow them there, which keeps their order.
    const isOnDisk = this.#memory.length === 0 && this.#write(line);
    if (!isOnDisk) {
      if (this.#memoryBytes + bytes > MEMORY_BYTES * share) return false;
      this.#memory.push({ event, bytes, end: undefined });
      this.#memoryBytes += bytes;
    }
    this.#lastSeq = event.seq;
    this.#lastType = event.type;
    this.#pending++;
    return true;
  }

  #write(line: string): boolean {
    try {
      mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 });
      this.#writer.write(line);
      return true;
    } catch (error) {
      // The disk may be full; events are kept in memory meanwhile.
      this.#options.onProblem(`events cannot be stored: ${messageOf(error)}`);
      return false;
    }
  }

  /** Returns the first events that wait, at most `count`. */
  async next(count: number): Promise<SentEvent[]> {
    while (this.#loaded.length < count && (await this.#load()));
    const first = this.#loaded.length > 0 ? this.#loaded : this.#memory;
    return first.slice(0, count).map(({ event }) => event);
  }

  /** Reads more events from disk; returns false when there are none. */
  async #load(): Promise<boolean> {
    for (const segment of this.#writer.segments) {
      if (segment < this.#read.segment) continue;
      const from = segment === this.#read.segment ? this.#read.offset : 0;
      const events = await readEvents(this.#options.folder, segment, from);
      const last = events.at(-1)?.end;
      if (!last) continue;
      this.#read = { ...last };
      this.#loaded.push(...events);
      return true;
    }
    return false;
  }

  /** Removes the first events, which were delivered or given up. */
  remove(count: number): void {
    const isOnDisk = this.#loaded.length > 0;
    const removed = (isOnDisk ? this.#loaded : this.#memory).splice(0, count);
    this.#pending -= removed.length;
    const last = removed.at(-1);
    if (last === undefined) return;
    if (last.end) {
      this.#delivered = { ...last.end, seq: last.event.seq };
      this.#writer.removeBefore(last.end.segment);
    } else {
      this.#memoryBytes -= removed.reduce((sum, { bytes }) => sum + bytes, 0);
      this.#delivered = { ...this.#delivered, seq: last.event.seq };
    }
    this.#savePosition();
  }

  #savePosition(): void {
    const { folder } = this.#options;
    try {
      writeFileSync(join(folder, `${POSITION}.part`), JSON.stringify(this.#delivered), {
        mode: 0o600,
      });
      renameSync(join(folder, `${POSITION}.part`), join(folder, POSITION));
    } catch {
      // With a full disk the next process delivers these events again, with the same ids.
    }
  }

  /**
   * Stores what is still in memory and closes the files. A spool without events is removed.
   * @returns the number of events that had to be given up.
   */
  close(): number {
    const { folder } = this.#options;
    let stored = 0;
    for (const { event } of this.#memory) {
      if (!this.#write(`${encodeJsonLine(event)}\n`)) break;
      stored++;
    }
    const lost = this.#memory.length - stored;
    this.#memory = [];
    this.#pending -= lost;
    this.#writer.close();
    if (this.#pending === 0) rmSync(folder, { recursive: true, force: true });
    return lost;
  }
}

/** What {@link Spool.open} has found. */
interface Found {
  readonly position: Position;
  readonly pending: number;
  readonly lastSeq: number;
  readonly lastType: string | undefined;
}

/** Returns the numbers of the segments in a folder, in order. */
function segmentsIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .flatMap((name) => segmentNumber(name) ?? [])
      .toSorted((one, other) => one - other);
  } catch {
    // There is no folder before the first event.
    return [];
  }
}

/** Reads the complete lines of a segment from an offset on. */
async function readEvents(folder: string, segment: number, from: number) {
  await using handle = await open(join(folder, segmentName(segment)), "r");
  const { size } = await handle.stat();
  const buffer = Buffer.alloc(Math.max(0, size - from));
  const { bytesRead } = await handle.read(buffer, 0, buffer.length, from);
  const events: (Loaded & { readonly end: { segment: number; offset: number } })[] = [];
  for (let at = 0; ;) {
    const end = buffer.subarray(0, bytesRead).indexOf("\n", at);
    if (end === -1) return events;
    const event = parseLine(buffer.toString("utf8", at, end));
    const bytes = end + 1 - at;
    at = end + 1;
    if (event) events.push({ event, bytes, end: { segment, offset: from + at } });
  }
}
