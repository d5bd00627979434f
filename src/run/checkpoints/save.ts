/** Saves checkpoints of the machine. A failure to save never fails the build. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Manifest } from "../../checkpoints/manifest.js";
import type { Checkpoint } from "../../checkpoints/records.js";
import { chooseVictims, sizeOfCheckpoint } from "../../checkpoints/retention.js";
import type { RetentionLimits } from "../../checkpoints/retention.js";
import type { CheckpointStore } from "../../checkpoints/store.js";
import { VmbuildError, asVmbuildError } from "../../errors.js";
import type { Emit } from "../../events/types.js";
import { dropPageCache } from "../../guest/page-cache.js";
import type { Guest } from "../../guest/guest.js";
import { withReservedSpace } from "../../host/reserved-space.js";
import { copyTree } from "../../host/copy.js";
import { freeSpace, sizeOnDisk } from "../../host/files.js";
import { formatSizes } from "../../host/format.js";
import { runProgram } from "../../host/programs.js";
import type { RunningMachine } from "../../machine/running-machine.js";
import { pageCacheBytes } from "../../machine/balloon.js";
import { deleteSnapshot, makeTag, saveSnapshot } from "../../machine/snapshot.js";
import type { SnapshotInfo } from "../../machine/snapshot.js";

/** Checkpoint to be saved. */
export interface NewCheckpoint {
  /** 0 is the checkpoint before the first step. */
  readonly index: number;
  readonly step: string;
  readonly key: string;
  readonly manifest: Manifest;
  /** Duration of the step. Milliseconds. */
  readonly stepMs: number;
}

/** Inputs of {@link CheckpointSaver}. */
export interface SaverOptions {
  readonly machine: RunningMachine;
  readonly store: CheckpointStore;
  readonly limits: RetentionLimits;
  /** Folder of the files that steps have created for the output folder so far. */
  readonly outputs: string;
  /**
   * Keys of the present template, as far as they are known. Other checkpoints are removed first.
   */
  readonly currentKeys: readonly string[];
  readonly emit: Emit;
  readonly signal: AbortSignal;
}

/**
 * Size of the guest's page cache above which it is dropped before saving: the guest rereads it
 * faster than QEMU saves it.
 */
const DROP_CACHE_ABOVE = 512 * 2 ** 20;
/** Bytes that the guest must still be able to write after a snapshot has filled the disk. */
const GUEST_RESERVE = 512 * 2 ** 20;
/** Estimated size of the first snapshot. */
const FIRST_ESTIMATE = 512 * 2 ** 20;

/**
 * Longest time that the end of a run waits for `sync`, which protects checkpoints from a power
 * failure.
 */
const SYNC_TIMEOUT_MS = 2000;

/** Saves checkpoints into the working disk of one machine. */
export class CheckpointSaver {
  readonly #options: SaverOptions;
  /** Grows during the run: a local action may create files that later keys depend on. */
  readonly #currentKeys: Set<string>;
  readonly #finished = new AbortController();
  #syncing: Promise<void> = Promise.resolve();
  #memoryEstimate = FIRST_ESTIMATE;
  #diskBefore: number | undefined;

  constructor(options: SaverOptions) {
    this.#options = options;
    this.#currentKeys = new Set(options.currentKeys);
  }

  /** Measures the disks, so that the growth during the next step is known. */
  async measureDisk(): Promise<void> {
    this.#diskBefore = await this.#disksSize();
  }

  /** Saves a checkpoint after a step. A failure is reported as a warning. */
  async save(saved: NewCheckpoint, guest: Guest): Promise<void> {
    const { store, emit, signal } = this.#options;
    const started = performance.now();
    try {
      this.#currentKeys.add(saved.key);
      const diskBytes = await this.#diskGrowth();
      const { tag, memoryBytes, date } = await this.#saveSnapshot(guest, signal);
      await this.#saveOutputs(tag);
      const durationMs = performance.now() - started;
      const now = new Date().toISOString();
      const checkpoint: Checkpoint = {
        ...saved,
        tag,
        createdAt: now,
        usedAt: now,
        saveMs: Math.round(durationMs),
        stepMs: Math.round(saved.stepMs),
        memoryBytes,
        diskBytes,
        date,
        synced: false,
        guest: guest.capabilities,
      };
      const replaced = await store.add(checkpoint);
      const { step, index } = saved;
      emit({ type: "checkpoint.saved", step, index, durationMs, memoryBytes, diskBytes });
      await this.#removeCheckpoints(replaced);
      await this.#enforceLimits();
      this.#sync(tag, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      await this.#reportUnsaved(saved.step, asVmbuildError(thrown));
    }
  }

  /**
   * Saves a checkpoint of a failed step, replacing an earlier one. A run that is cancelled because
   * its lease expired saves one too.
   */
  async saveFailed(step: string, error: VmbuildError, guest?: Guest): Promise<void> {
    const { store, emit, machine } = this.#options;
    const started = performance.now();
    try {
      const { tag, memoryBytes, date } = await this.#saveSnapshot(guest, machine.death);
      const createdAt = new Date().toISOString();
      const reason = `${error.code}: ${error.message}`;
      const failed = {
        tag,
        step,
        createdAt,
        memoryBytes,
        date,
        reason,
        synced: false,
        guest: guest?.capabilities,
      };
      const before = await store.setFailed(failed);
      const durationMs = performance.now() - started;
      emit({ type: "checkpoint.failed", step, durationMs, memoryBytes });
      if (before !== undefined) await deleteSnapshot(machine, before);
      this.#sync(tag, machine.death);
    } catch (thrown) {
      await this.#reportUnsaved(step, asVmbuildError(thrown));
    }
  }

  /** Waits for a short time until the checkpoints are on the host's disk. */
  async finish(): Promise<void> {
    await Promise.race([this.#syncing, delay(SYNC_TIMEOUT_MS, undefined, { ref: false })]);
    // Once the lock is released, another run may write the records.
    this.#finished.abort();
  }

  /** Returns the space that all disks take on the host's disk. Bytes. */
  async #disksSize(): Promise<number> {
    const sizes = await Promise.all(this.#options.store.disks.map(sizeOnDisk));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** Returns the bytes by which the disks have grown since the last checkpoint. */
  async #diskGrowth(): Promise<number> {
    const size = await this.#disksSize();
    return this.#diskBefore === undefined ? 0 : Math.max(0, size - this.#diskBefore);
  }

  async #saveSnapshot(
    guest: Guest | undefined,
    signal: AbortSignal,
  ): Promise<SnapshotInfo & { readonly tag: string }> {
    const { machine, store } = this.#options;
    const { folder } = store.paths;
    await this.#requireSpace();
    if (guest && (await pageCacheBytes(machine)) > DROP_CACHE_ABOVE) {
      await dropPageCache(guest);
    }
    const tag = makeTag();
    const saved = await withReservedSpace(
      join(folder, ".ballast.part"),
      GUEST_RESERVE,
      signal,
      () => saveSnapshot(machine, tag),
    );
    this.#memoryEstimate = saved.memoryBytes;
    this.#diskBefore = await this.#disksSize();
    return { tag, ...saved };
  }

  /** Checks that a snapshot fits on the host's disk before it is begun. */
  async #requireSpace(): Promise<void> {
    const { folder } = this.#options.store.paths;
    const needed = Math.round(1.5 * this.#memoryEstimate) + 2 * GUEST_RESERVE;
    const free = await freeSpace(folder);
    if (free >= needed) return;
    const [there, wanted] = formatSizes(free, needed);
    throw new VmbuildError(
      "HOST_SPACE",
      `${there} are free in ${folder}, and a checkpoint needs about ${wanted}`,
    );
  }

  /**
   * Copies the files that steps created for the output folder: a later run that skips the steps
   * cannot create them again.
   */
  async #saveOutputs(tag: string): Promise<void> {
    const { outputs, store } = this.#options;
    if ((await readdir(outputs)).length === 0) return;
    await copyTree(outputs, store.outputsOf(tag));
  }

  async #removeCheckpoints(tags: readonly string[]): Promise<void> {
    const { store, machine } = this.#options;
    if (tags.length === 0) return;
    await store.remove(tags);
    for (const tag of tags) await deleteSnapshot(machine, tag);
  }

  async #enforceLimits(): Promise<void> {
    const { store, limits, emit } = this.#options;
    const victims = chooseVictims(store.checkpoints, this.#currentKeys, limits);
    if (victims.length === 0) return;
    await this.#removeCheckpoints(victims.map(({ tag }) => tag));
    const freed = victims.reduce((sum, victim) => sum + sizeOfCheckpoint(victim), 0);
    const steps = victims.map(({ step, index }) => (index === 0 ? "(booted)" : step));
    emit({ type: "checkpoint.removed", steps, bytes: freed });
  }

  /** Starts `sync` in the background. A power failure before its end loses the checkpoint. */
  #sync(tag: string, cancelled: AbortSignal): void {
    const { store } = this.#options;
    this.#syncing = this.#syncing
      .then(async () => {
        const signal = AbortSignal.any([cancelled, this.#finished.signal]);
        const { exitCode } = await runProgram("sync", ["--data", ...store.disks], { signal });
        if (exitCode === 0) await store.update(tag, { synced: true });
      })
      // The record then still says that the checkpoint is not synced.
      .catch(() => {});
  }

  /**
   * Reports that a checkpoint was not saved. On a full disk it removes obsolete checkpoints, so
   * that the guest can continue writing.
   */
  async #reportUnsaved(step: string, error: VmbuildError): Promise<void> {
    const { store, emit, machine } = this.#options;
    const where = step === "" ? "before the first step" : `after ${step}`;
    emit({
      type: "warning",
      message: `No checkpoint was saved ${where}: ${error.message}`,
      hint: 'The build continues. To free space, run `vmbuild prune`; to disable checkpoints, set "checkpoints": false.',
    });
    if (error.code !== "HOST_SPACE" || machine.death.aborted) return;
    const useless = store.checkpoints.filter(({ key }) => !this.#currentKeys.has(key));
    await this.#removeCheckpoints(useless.map(({ tag }) => tag)).catch((thrown: unknown) => {
      emit({ type: "note", message: asVmbuildError(thrown).message });
    });
  }
}
