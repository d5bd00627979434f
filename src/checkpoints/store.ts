/** The states of one working disk, as the run that holds its lock sees and changes them. */
import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { systemCode } from "../errors.js";
import { makePrivateFolder, statIfThere, writeFileAtomic } from "../host/files.js";
import { removeRecords, writeRecords } from "./records.js";
import type { Checkpoint, FailedCheckpoint, CheckpointRecords, WorkPaths } from "./records.js";
import { hostBootId, readIdentity, readTrusted, removeSnapshots } from "./trust.js";
import type { TrustedCheckpoints } from "./trust.js";

/** What a working disk and its machine were made of. */
export type WorkDiskOrigin = Pick<CheckpointRecords, "root" | "machine">;

/** Small texts that went into states, by digest, for a later run to compare with. */
export class StoredTexts {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Where a text is kept, if it is. */
  readonly path = (sha256: string): string => join(this.#folder, sha256);

  /** Keeps a text, 0600. */
  readonly store = async (sha256: string, content: Buffer): Promise<void> => {
    if (await statIfThere(this.path(sha256))) return;
    await makePrivateFolder(this.#folder);
    await writeFileAtomic(this.path(sha256), content.toString("utf8"), 0o600);
  };
}

/** The recorded states; each change is on disk when it returns. */
export class CheckpointStore {
  readonly paths: WorkPaths;
  #records: CheckpointRecords | undefined;
  #writing: Promise<void> = Promise.resolve();

  private constructor(paths: WorkPaths, records: CheckpointRecords | undefined) {
    this.paths = paths;
    this.#records = records;
  }

  /** Opens what is there and can be trusted. Only for the holder of the build's lock. */
  static async open(
    paths: WorkPaths,
    signal: AbortSignal,
  ): Promise<{ store: CheckpointStore; found: TrustedCheckpoints }> {
    const found = await readTrusted(paths, signal);
    return { store: new CheckpointStore(paths, found.records), found };
  }

  /** A store that nothing is read into: whatever the disk holds is not used. */
  static empty(paths: WorkPaths): CheckpointStore {
    return new CheckpointStore(paths, undefined);
  }

  /** Undefined where there is no working disk to go on from. */
  get records(): CheckpointRecords | undefined {
    return this.#records;
  }

  get checkpoints(): readonly Checkpoint[] {
    return this.#records?.checkpoints ?? [];
  }

  get failed(): FailedCheckpoint | undefined {
    return this.#records?.failed;
  }

  /** Forgets everything, before the working disk is made anew. */
  async clear(): Promise<void> {
    this.#records = undefined;
    await removeRecords(this.paths);
  }

  /** Starts with a new disk. */
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

  /** Goes on from a copy of another working disk and its states. */
  async adopt(records: CheckpointRecords): Promise<void> {
    const base = await readIdentity(this.paths.base);
    this.#records = { ...records, base, disk: null, hostBoot: await hostBootId() };
    await this.#write();
  }

  /** From now on a machine writes to the disk: how it looks says nothing until {@link markUnused}. */
  async markInUse(): Promise<void> {
    await this.#change({ disk: null, hostBoot: await hostBootId() });
  }

  /** No machine uses the disk any more, and it is as it should be. */
  async markUnused(): Promise<void> {
    if (!this.#records) return;
    await this.#change({ disk: await readIdentity(this.paths.disk) });
  }

  /** Adds a state, in place of an older one with the same key. Returns the tags it replaces. */
  async add(checkpoint: Checkpoint): Promise<string[]> {
    const { key } = checkpoint;
    const replaced = this.checkpoints.filter((other) => other.key === key);
    const others = this.checkpoints.filter((other) => other.key !== key);
    await this.#change({ checkpoints: [...others, checkpoint] });
    return replaced.map(({ tag }) => tag);
  }

  /** Changes what is known of a state. */
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

  /** Puts a state in the place of another one. */
  async replace(tag: string, checkpoint: Checkpoint): Promise<void> {
    const others = this.checkpoints.filter((other) => other.tag !== tag);
    await this.#change({ checkpoints: [...others, checkpoint] });
    await rename(this.outputsOf(tag), this.outputsOf(checkpoint.tag)).catch((error: unknown) => {
      // Most states have none.
      if (systemCode(error) !== "ENOENT") throw error;
    });
  }

  /** Notes the state in which a step failed; one is kept. Returns the tag of the one before. */
  async setFailed(state: FailedCheckpoint): Promise<string | undefined> {
    const before = this.failed?.tag;
    await this.#change({ failed: state });
    return before;
  }

  /** Forgets states; their snapshots are for the caller to remove, afterwards. */
  async remove(tags: readonly string[]): Promise<void> {
    if (!this.#records) return;
    const { failed, ...rest } = this.#records;
    const retainFailed = failed !== undefined && !tags.includes(failed.tag);
    const checkpoints = this.checkpoints.filter(({ tag }) => !tags.includes(tag));
    this.#records = { ...rest, checkpoints, ...(retainFailed ? { failed } : {}) };
    await this.#write();
    for (const tag of tags) await rm(this.outputsOf(tag), { recursive: true, force: true });
  }

  /** Forgets states and removes them from a disk that no machine uses. */
  async removeWithSnapshots(tags: readonly string[], signal: AbortSignal): Promise<void> {
    if (tags.length === 0) return;
    await this.markInUse();
    await this.remove(tags);
    await removeSnapshots(this.paths.disk, tags, signal);
    await this.markUnused();
  }

  /** Where the files lie that steps had made for the output folder when a state was saved. */
  outputsOf(tag: string): string {
    return join(this.paths.outputs, tag);
  }

  async #change(changes: Partial<CheckpointRecords>): Promise<void> {
    if (!this.#records) return;
    this.#records = { ...this.#records, ...changes };
    await this.#write();
  }

  /** One after the other, each with what is so then. */
  #write(): Promise<void> {
    const written = this.#writing.then(async () => {
      if (this.#records) await writeRecords(this.paths, this.#records);
    });
    // The one who asked is told of a failure; the next one must not wait for ever.
    this.#writing = written.catch(() => {});
    return written;
  }
}
