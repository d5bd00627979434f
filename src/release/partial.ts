/**
 * Stores a partial download: a folder beside the final file with the joined file, in which each part
 * has its place, and a record of how far each part came. A later download continues it.
 */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, readFile, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { makeFolder, publish, writeFileAtomic } from "../host/files.js";
import { tryLock } from "../host/lock.js";
import type { HeldLock } from "../host/lock.js";
import type { FullContext } from "../inputs/context.js";
import type { RemoteImage } from "./remote.js";
import { writeSparse } from "./sparse.js";

const LOCK_POLL_MS = 1000;
const HASH_BYTES = 1024 * 1024;
/** Data after which a record is written again, in bytes. */
const RECORD_BYTES = 32 * 2 ** 20;

const recordSchema = z.object({
  /** Identifies the content: digests, or the identifiers of the assets. */
  version: z.string(),
  parts: z.array(z.object({ done: z.number().nonnegative(), etag: z.string().optional() })),
});

/** State of one part. */
export interface PartState {
  /** Bytes that were received, hashed and written. */
  done: number;
  /** Validator of the version that was received. */
  etag: string | undefined;
  hash: Hash;
}

/** Identifies the content of an image, so that no download continues another one. */
function versionOf({ size, sha256, parts }: RemoteImage): string {
  const each = parts.map((part) => `${part.size} ${part.sha256 ?? part.asset.id}`);
  return createHash("sha256")
    .update([size, sha256 ?? "", ...each].join("\n"))
    .digest("hex");
}

/** Partial download of one image. Disposing of it closes it, and keeps its data. */
export class PartialImage implements AsyncDisposable {
  /** Path of the joined file. */
  readonly path: string;
  readonly parts: readonly PartState[];
  /** Whether another process downloaded to the same path until now. */
  readonly waited: boolean;
  readonly #folder: string;
  readonly #file: FileHandle;
  readonly #lock: HeldLock;
  readonly #version: string;
  #unrecorded = 0;
  #recording: Promise<void> | undefined;

  private constructor(
    at: { readonly folder: string; readonly version: string },
    held: { readonly file: FileHandle; readonly lock: HeldLock; readonly waited: boolean },
    parts: readonly PartState[],
  ) {
    this.#folder = at.folder;
    this.#version = at.version;
    this.#file = held.file;
    this.#lock = held.lock;
    this.waited = held.waited;
    this.parts = parts;
    this.path = join(at.folder, "data");
  }

  /**
   * Opens the partial download for a final path, once no other process downloads to it. What was
   * received of the same content is hashed; that of another content is discarded.
   */
  static async open(path: string, image: RemoteImage, context: FullContext): Promise<PartialImage> {
    const folder = join(dirname(path), `.${basename(path)}.download`);
    const { lock, waited } = await lockFolder(folder, context);
    try {
      const version = versionOf(image);
      const data = join(folder, "data");
      const done = await readRecord(folder, version, image.parts.length);
      const file = await open(data, done ? "r+" : "w+", 0o644).catch((error: unknown) => {
        if (done) return open(data, "w+", 0o644);
        throw error;
      });
      const isSame = done && (await file.stat()).size === image.size;
      await file.truncate(image.size);
      const parts = image.parts.map((_, index): PartState => {
        const known = isSame ? done[index] : undefined;
        return { done: known?.done ?? 0, etag: known?.etag, hash: createHash("sha256") };
      });
      const partial = new PartialImage({ folder, version }, { file, lock, waited }, parts);
      await partial.#hashReceived(image, context.signal);
      return partial;
    } catch (error) {
      await lock.release();
      throw error;
    }
  }

  async #hashReceived(image: RemoteImage, signal: AbortSignal): Promise<void> {
    let start = 0;
    for (const [index, { size }] of image.parts.entries()) {
      const state = this.parts[index];
      if (!state) continue;
      state.done = Math.min(state.done, size);
      if (state.done > 0) {
        const range = { start, end: start + state.done - 1, highWaterMark: HASH_BYTES };
        for await (const chunk of createReadStream(this.path, range)) {
          signal.throwIfAborted();
          state.hash.update(chunk as Buffer);
        }
      }
      start += size;
    }
  }

  /** Number of bytes of all parts that were received. */
  get done(): number {
    return this.parts.reduce((sum, { done }) => sum + done, 0);
  }

  /** Writes the next bytes of a part. `start` is the place of the part in the image. */
  async append(state: PartState, start: number, data: Buffer): Promise<void> {
    await writeSparse(this.#file, data, start + state.done);
    state.hash.update(data);
    state.done += data.length;
    this.#unrecorded += data.length;
    if (this.#unrecorded >= RECORD_BYTES) await this.#record();
  }

  /** Discards what was received of a part. */
  async restart(state: PartState): Promise<void> {
    state.done = 0;
    state.etag = undefined;
    state.hash = createHash("sha256");
    await this.#record();
  }

  /** Writes how far each part came. Data is flushed first, so that a record is never ahead of it. */
  async #record(): Promise<void> {
    // Several parts may ask at once.
    this.#recording ??= (async () => {
      try {
        this.#unrecorded = 0;
        const parts = this.parts.map(({ done, etag }) => ({ done, etag }));
        await this.#file.datasync();
        const text = JSON.stringify({ version: this.#version, parts });
        await writeFileAtomic(join(this.#folder, "record.json"), `${text}\n`);
      } finally {
        this.#recording = undefined;
      }
    })();
    await this.#recording;
  }

  /** Gives the complete file its final name, and removes the rest. */
  async publish(path: string): Promise<void> {
    await publish(this.path, path);
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Removes all data. */
  async discard(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true });
  }

  /** Records how far each part came, for a later download. */
  async keep(): Promise<void> {
    await this.#record();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    await this.#lock.release();
  }
}

async function lockFolder(folder: string, { emit, clock, signal }: FullContext) {
  for (let attempt = 0; ; attempt++) {
    await makeFolder(folder);
    const lock = await tryLock(join(folder, "lock"));
    if (lock) return { lock, waited: attempt > 0 };
    if (attempt === 0) {
      emit({ type: "note", message: `Waiting for another download to ${dirname(folder)}` });
    }
    await clock.sleep(LOCK_POLL_MS, signal);
  }
}

async function readRecord(folder: string, version: string, count: number) {
  try {
    const record = recordSchema.parse(
      JSON.parse(await readFile(join(folder, "record.json"), "utf8")),
    );
    return record.version === version && record.parts.length === count ? record.parts : undefined;
  } catch {
    // Without a usable record, the download begins again.
    return undefined;
  }
}
