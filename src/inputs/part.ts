/**
 * Stores a partial download: `NAME.part`, with `part.json` that identifies the file and its
 * version. Data is hashed as it is written, and the part can be resumed by a later run.
 */
import { open, readFile, rm, truncate } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { VmbuildError, systemCode } from "../errors.js";
import { isDiskFull } from "../host/faults.js";
import { publish, statIfThere, writeFileAtomic } from "../host/files.js";
import { Hashers, feedFile } from "./digest.js";
import type { Algorithm, Digests } from "./digest.js";

/** Size of a write; about two of them are in memory. */
const WRITE_BYTES = 1024 * 1024;

const recordSchema = z.object({
  address: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  total: z.number().optional(),
});

/** Identity of the partial file, as stored in `part.json`. */
export type PartRecord = z.infer<typeof recordSchema>;

/** Partial download. The lock of the cache entry ensures a single owner. */
export class PartFile {
  readonly path: string;
  readonly #recordPath: string;
  readonly #algorithms: readonly Algorithm[];
  #handle: FileHandle | undefined;
  #hashers: Hashers;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #writing: Promise<void> | undefined;
  #position = 0;
  #record: PartRecord | undefined;
  #mixed = false;

  private constructor(path: string, algorithms: readonly Algorithm[]) {
    this.path = path;
    this.#recordPath = join(dirname(path), "part.json");
    this.#algorithms = algorithms;
    this.#hashers = new Hashers(algorithms);
  }

  /**
   * Opens the part file at `path`. Data from an earlier run is hashed first.
   * @param onBytes called for each chunk that is hashed.
   */
  static async open(
    path: string,
    algorithms: readonly Algorithm[],
    signal: AbortSignal,
    onBytes: (bytes: number) => void = () => {},
  ): Promise<PartFile> {
    const part = new PartFile(path, algorithms);
    const record = await part.#readRecord();
    const size = (await statIfThere(path))?.size ?? 0;
    // At least one byte is requested again, so that the server confirms that the file is the same.
    const kept = Math.min(Number(size), (record?.total ?? Infinity) - 1);
    if (record && kept > 0) {
      await truncate(path, kept);
      await feedFile(path, part.#hashers, signal, { length: kept, onBytes });
      part.#record = record;
      part.#position = kept;
      part.#mixed = true;
    }
    part.#handle = await open(path, part.#position > 0 ? "r+" : "w", 0o644);
    return part;
  }

  /** Number of bytes that were accepted, hashed and written (or are about to be). */
  get position(): number {
    return this.#position;
  }

  /** Identity of the file that this is a part of; undefined while it is empty. */
  get record(): PartRecord | undefined {
    return this.#record;
  }

  /** True when data of an earlier run or of another address is included. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /** Starts over with the file that `record` describes. */
  async restart(record: PartRecord): Promise<void> {
    await this.reset();
    await this.#writeRecord(record);
  }

  /** Discards all data. */
  async reset(): Promise<void> {
    await this.flush();
    await this.#open().truncate(0);
    await rm(this.#recordPath, { force: true });
    this.#hashers = new Hashers(this.#algorithms);
    this.#position = 0;
    this.#record = undefined;
    this.#mixed = false;
  }

  /** Continues at the current position. */
  async resume(record: PartRecord): Promise<void> {
    if (record.address !== this.#record?.address) this.#mixed = true;
    await this.#writeRecord(record);
  }

  /**
   * Accepts the next bytes.
   * @returns a promise to wait for when the disk is slower than the network; undefined otherwise.
   */
  append(chunk: Buffer): Promise<void> | undefined {
    this.#hashers.update(chunk);
    this.#position += chunk.length;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < WRITE_BYTES) return undefined;
    if (this.#writing) return this.#writing;
    this.#startWriting();
    return undefined;
  }

  /** Waits until all accepted data was written to the file. */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#pending.length > 0) this.#startWriting();
    await this.#writing;
  }

  /** Returns the digests of all data. Only reset() and publish() may follow. */
  finish(): Digests {
    return this.#hashers.finish();
  }

  /** Renames the complete file to its final name. */
  async publish(path: string): Promise<void> {
    await this.flush();
    await this.#closeFile();
    await publish(this.path, path);
    await rm(this.#recordPath, { force: true });
  }

  /** Closes the file and keeps its data for a later run. Idempotent. */
  async close(): Promise<void> {
    if (!this.#handle) return;
    await this.#closeFile();
    if (this.#position > 0) return;
    await rm(this.path, { force: true });
    await rm(this.#recordPath, { force: true });
  }

  async #closeFile(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    // A failed write was already reported to the caller that waited for it.
    await this.#writing?.catch(() => {});
    await handle?.close();
  }

  #open(): FileHandle {
    if (!this.#handle) throw new Error(`${this.path} is closed`);
    return this.#handle;
  }

  #startWriting(): void {
    const buffers = this.#pending;
    const at = this.#position - this.#pendingBytes;
    this.#pending = [];
    this.#pendingBytes = 0;
    // A failed write is kept, so that nothing is written after the gap.
    const writing = this.#write(buffers, at).then(() => {
      this.#writing = undefined;
    });
    // The next caller that waits gets the error; until then it must not be an unhandled rejection.
    writing.catch(() => {});
    this.#writing = writing;
  }

  async #write(buffers: Buffer[], at: number): Promise<void> {
    const wanted = buffers.reduce((sum, { length }) => sum + length, 0);
    try {
      let { bytesWritten: done } = await this.#open().writev(buffers, at);
      // A nearly full disk accepts fewer bytes than given, and the next attempt reports the reason.
      if (done === wanted) return;
      const rest = Buffer.concat(buffers);
      while (done < wanted) {
        done += (await this.#open().write(rest, done, wanted - done, at + done)).bytesWritten;
      }
    } catch (error) {
      if (!isDiskFull(systemCode(error))) throw error;
      throw new VmbuildError("HOST_SPACE", `The disk that holds ${dirname(this.path)} is full`, {
        cause: error,
        details: { path: this.path },
      });
    }
  }

  async #readRecord(): Promise<PartRecord | undefined> {
    try {
      return recordSchema.parse(JSON.parse(await readFile(this.#recordPath, "utf8")));
    } catch {
      // Without a readable record, the part file cannot be used.
      return undefined;
    }
  }

  async #writeRecord(record: PartRecord): Promise<void> {
    this.#record = record;
    await writeFileAtomic(this.#recordPath, `${JSON.stringify(record)}\n`);
  }
}
