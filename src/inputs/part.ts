/**
 * The part of a download that has arrived: `NAME.part`, with `part.json` that says of which
 * version of which file. It is hashed as it is written, and outlives its run.
 */
import { open, readFile, rm, truncate } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { VmbuildError, systemCode } from "../errors.js";
import { isDiskFull } from "../host/faults.js";
import { publish, statIfThere, writeWhole } from "../host/files.js";
import { Hashers, feedFile } from "./digest.js";
import type { Algorithm, Digests } from "./digest.js";

/** Written in pieces of this size; about two are in memory. */
const WRITE_BYTES = 1024 * 1024;

const recordSchema = z.object({
  address: z.string(),
  etag: z.string().optional(),
  lastModified: z.string().optional(),
  total: z.number().optional(),
});

/** Where the bytes come from; as `part.json` holds it. */
export type PartRecord = z.infer<typeof recordSchema>;

/** A download under way. One owner at a time: the cache entry's lock sees to that. */
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
   * Opens the part at `path`, which an earlier run may have left; what it left is hashed first.
   * @param onBytes called for each piece that is hashed.
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
    // At least one byte is asked for again, so that the server tells whether the file is the same.
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

  /** Bytes that have been taken, hashed and written (or are about to be). */
  get position(): number {
    return this.#position;
  }

  /** Of what this is a part; undefined while it is empty. */
  get record(): PartRecord | undefined {
    return this.#record;
  }

  /** Whether bytes of an earlier run or of another address are among these. */
  get mixed(): boolean {
    return this.#mixed;
  }

  /** Begins anew with the file that `record` tells of. */
  async restart(record: PartRecord): Promise<void> {
    await this.reset();
    await this.#writeRecord(record);
  }

  /** Forgets everything that was taken. */
  async reset(): Promise<void> {
    await this.flush();
    await this.#open().truncate(0);
    await rm(this.#recordPath, { force: true });
    this.#hashers = new Hashers(this.#algorithms);
    this.#position = 0;
    this.#record = undefined;
    this.#mixed = false;
  }

  /** Goes on where it stopped. */
  async resume(record: PartRecord): Promise<void> {
    if (record.address !== this.#record?.address) this.#mixed = true;
    await this.#writeRecord(record);
  }

  /**
   * Takes the next bytes.
   * @returns a promise to wait for before more are handed in, when the disk is slower than the
   *   network; undefined otherwise.
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

  /** Waits until everything that was taken is in the file. */
  async flush(): Promise<void> {
    await this.#writing;
    if (this.#pending.length > 0) this.#startWriting();
    await this.#writing;
  }

  /** The digests of everything that was taken. Only reset() and publish() may follow. */
  finish(): Digests {
    return this.#hashers.finish();
  }

  /** Gives the whole file its good name. */
  async publish(path: string): Promise<void> {
    await this.flush();
    await this.#letGo();
    await publish(this.path, path);
    await rm(this.#recordPath, { force: true });
  }

  /** Lets go of the file and leaves what is in it for a later run. Idempotent. */
  async close(): Promise<void> {
    if (!this.#handle) return;
    await this.#letGo();
    if (this.#position > 0) return;
    await rm(this.path, { force: true });
    await rm(this.#recordPath, { force: true });
  }

  async #letGo(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    // A write that failed has been reported by whoever waited for it.
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
    // A write that failed stays, so that nothing is written behind the gap.
    const writing = this.#write(buffers, at).then(() => {
      this.#writing = undefined;
    });
    // Whoever waits next sees the failure; until then it must not count as unhandled.
    writing.catch(() => {});
    this.#writing = writing;
  }

  async #write(buffers: Buffer[], at: number): Promise<void> {
    const wanted = buffers.reduce((sum, { length }) => sum + length, 0);
    try {
      let { bytesWritten: done } = await this.#open().writev(buffers, at);
      // A nearly full disk takes less than it is given, and says why at the next try.
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
      // Not there, or not readable: then the part is of no use either.
      return undefined;
    }
  }

  async #writeRecord(record: PartRecord): Promise<void> {
    this.#record = record;
    await writeWhole(this.#recordPath, `${JSON.stringify(record)}\n`);
  }
}
