/** Manages the checkpoints of one working disk for the holder of the build's lock. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.js";
import { makePrivateFolder, statIfThere, writeFileAtomic } from "../host/files.js";
import { diskPaths, readRecords, removeRecords, writeRecords } from "./records.js";
import type { Checkpoint, FailedCheckpoint, CheckpointRecords, WorkPaths } from "./records.js";
import {
  hostBootId,
  readDiskIdentities,
  readIdentity,
  readTrusted,
  removeSnapshots,
} from "./trust.js";
import type { TrustedCheckpoints } from "./trust.js";

/** Manifest and machine of a working disk. */
export type WorkDiskOrigin = Pick<CheckpointRecords, "root" | "machine">;

/** Small texts that checkpoints depend on, stored by digest to show later what changed. */
export class StoredTexts {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Returns the path of a text, stored or not. */
  readonly path = (sha256: string): string => join(this.#folder, sha256);

  /** Stores a text with mode 0600. */
  readonly store = async (sha256: string, content: Buffer): Promise<void> => {
    if (await statIfThere(this.path(sha256))) return;
    await makePrivateFolder(this.#folder);
    await writeFileAtomic(this.path(sha256), content.toString("utf8"), 0o600);
  };
}

/** Recorded checkpoints. Each change is on disk when the method returns. */
export class CheckpointStore {
  readonly paths: WorkPaths;
  #records: CheckpointRecords | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(paths: WorkPaths, records: CheckpointRecords | undefined) {
    this.paths = paths;
    this.#records = records;
  }

  /** Opens the checkpoints that can be trusted. Only for the holder of the build's lock. */
  static async open(
    paths: WorkPaths,
    signal: AbortSignal,
  ): Promise<{ store: CheckpointStore; found: TrustedCheckpoints }> {
    const found = await readTrusted(paths, signal);
    return { store: new CheckpointStore(paths, found.records), found };
  }

  /**
   * Returns the checkpoints as they are recorded, without looking at the disk. None of them may be
   * loaded or changed; the lock is not needed.
   */
  static async recorded(paths: WorkPaths): Promise<CheckpointStore> {
    return new CheckpointStore(paths, await readRecords(paths));
  }

  /** Creates a store without checkpoints, regardless of what the disk contains. */
  static empty(paths: WorkPaths): CheckpointStore {
    return new CheckpointStore(paths, undefined);
  }

  /** Undefined where there is no working disk to resume from. */
  get records(): CheckpointRecords | undefined {
    return this.#records;
  }

  get checkpoints(): readonly Checkpoint[] {
    return this.#records?.checkpoints ?? [];
  }

  get failed(): FailedCheckpoint | undefined {
    return this.#records?.failed;
  }

  /** Paths of the disks that hold the checkpoints, the root disk first. */
  get disks(): readonly string[] {
    return this.#records ? diskPaths(this.paths, this.#records) : [this.paths.disk];
  }

  /** Removes all records, before the working disk is created anew. */
  async clear(): Promise<void> {
    this.#records = undefined;
    await removeRecords(this.paths);
  }

  /** Begins the records of a new disk. */
  async begin(origin: WorkDiskOrigin): Promise<void> {
    this.#records = {
      version: 1,
      ...origin,
      disk: null,
      base: await readIdentity(this.paths.base),
      hostBoot: await hostBootId(),
      checkpoints: [],
    };
    await this.#write();
  }

  /** Continues with a copy of another working disk and its checkpoints. */
  async adopt(records: CheckpointRecords): Promise<void> {
    const base = await readIdentity(this.paths.base);
    this.#records = { ...records, base, disk: null, hostBoot: await hostBootId() };
    await this.#write();
  }

  /** Marks the disk as used by a machine: its identity is not valid until {@link markUnused}. */
  async markInUse(): Promise<void> {
    await this.#change({ disk: null, hostBoot: await hostBootId() });
  }

  /** Marks the disk as unused, and records its identity. */
  async markUnused(): Promise<void> {
    if (!this.#records) return;
    await this.#change(await readDiskIdentities(this.paths, this.#records));
  }

  /** Adds a checkpoint, replacing an older one with the same key. Returns the replaced tags. */
  async add(checkpoint: Checkpoint): Promise<string[]> {
    const { key } = checkpoint;
    const replaced = this.checkpoints.filter((other) => other.key === key);
    const others = this.checkpoints.filter((other) => other.key !== key);
    await this.#change({ checkpoints: [...others, checkpoint] });
    return replaced.map(({ tag }) => tag);
  }

  /** Changes the record of a checkpoint. */
  async update(tag: string, changes: Partial<Checkpoint>): Promise<void> {
    const checkpoints = this.checkpoints.map((checkpoint) =>
      checkpoint.tag === tag ? { ...checkpoint, ...changes } : checkpoint,
    );
    const { failed } = this;
    const synced = failed?.tag === tag ? changes.synced : undefined;
    await this.#change({
      checkpoints,
      ...(failed && synced !== undefined ? { failed: { ...failed, synced } } : {}),
    });
  }

  /** Replaces a checkpoint by another one. */
  async replace(tag: string, checkpoint: Checkpoint): Promise<void> {
    const others = this.checkpoints.filter((other) => other.tag !== tag);
    await this.#change({ checkpoints: [...others, checkpoint] });
    await rename(this.outputsOf(tag), this.outputsOf(checkpoint.tag)).catch((error: unknown) => {
      // Most checkpoints have no such files.
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }

  /**
   * Records the checkpoint of a failed step; there is at most one. Returns the tag of the previous
   * one.
   */
  async setFailed(state: FailedCheckpoint): Promise<string | undefined> {
    const before = this.failed?.tag;
    await this.#change({ failed: state });
    return before;
  }

  /** Removes records of checkpoints. The caller must remove the snapshots afterwards. */
  async remove(tags: readonly string[]): Promise<void> {
    if (!this.#records) return;
    const { failed, ...rest } = this.#records;
    const retainFailed = failed !== undefined && !tags.includes(failed.tag);
    const checkpoints = this.checkpoints.filter(({ tag }) => !tags.includes(tag));
    this.#records = { ...rest, checkpoints, ...(retainFailed ? { failed } : {}) };
    await this.#write();
    for (const tag of tags) await rm(this.outputsOf(tag), { recursive: true, force: true });
  }

  /** Removes checkpoints with their snapshots from a disk that no machine uses. */
  async removeWithSnapshots(tags: readonly string[], signal: AbortSignal): Promise<void> {
    if (tags.length === 0) return;
    await this.markInUse();
    await this.remove(tags);
    await removeSnapshots(this.disks, tags, signal);
    await this.markUnused();
  }

  /**
   * Returns the folder of the files that steps had created for the output folder when a checkpoint
   * was saved.
   */
  outputsOf(tag: string): string {
    return join(this.paths.outputs, tag);
  }

  async #change(changes: Partial<CheckpointRecords>): Promise<void> {
    if (!this.#records) return;
    this.#records = { ...this.#records, ...changes };
    await this.#write();
  }

  /** Writes the records. Writes are serialized; each writes the records of its own time. */
  #write(): Promise<void> {
    const written = this.#writing.then(async () => {
      if (this.#records) await writeRecords(this.paths, this.#records);
    });
    // The caller gets the error; the next write must not fail because of it.
    this.#writing = written.catch(() => {});
    return written;
  }
}
