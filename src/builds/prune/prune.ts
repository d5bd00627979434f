/** Removes files that builds left on this host, but never those that a running build uses. */
import { readdir, rm } from "node:fs/promises";
import { join, sep } from "node:path";
import { VmbuildError } from "../../errors.js";
import { sizeOnDisk, statIfThere } from "../../host/files.js";
import { isLocked, tryLock } from "../../host/lock.js";
import { runtimeFolder } from "../../host/paths.js";
import { isInProgress, summarizeBuilds } from "../records.js";
import type { BuildSummary } from "../records.js";
import { backingFileOf, chooseEvictions, readCaches } from "./caches.js";
import type { CacheItem, CacheLimits } from "./caches.js";

/** Options that select what is removed. */
export interface PruneOptions extends CacheLimits {
  /** Number of runs per build whose logs are kept. */
  readonly keep: number;
  /** Reports what would be removed, without removing it. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Item that was removed, or would be. */
export interface Removal {
  readonly kind: "run" | "work" | "input" | "base" | "ready" | "leftover" | "socket";
  /** Absolute path. */
  readonly path: string;
  readonly label: string;
  /** Size on disk in bytes. */
  readonly size: number;
  readonly reason: string;
}

type Report = (removal: Removal) => void;

async function remove(removal: Removal, options: PruneOptions, report: Report): Promise<void> {
  options.signal.throwIfAborted();
  if (!options.dryRun) await rm(removal.path, { recursive: true, force: true });
  report(removal);
}

/** Runs a function while holding the lock; does not run it when another process holds the lock. */
async function withFreeLock(
  lock: string,
  dryRun: boolean,
  work: () => Promise<void>,
): Promise<boolean> {
  if (dryRun) {
    // Taking the lock would create its file, which a dry run must not do.
    if ((await statIfThere(lock)) && (await isLocked(lock))) return false;
    await work();
    return true;
  }
  const held = await tryLock(lock);
  if (!held) return false;
  try {
    await work();
    return true;
  } finally {
    await held.release();
  }
}

/**
 * Removes folders of old runs, and the working files of a build that was not used for a long time
 * (or of any build, if requested).
 */
async function pruneBuild(
  build: BuildSummary,
  options: PruneOptions,
  report: Report,
): Promise<void> {
  const { name, paths } = build;
  const runIds = (await statIfThere(paths.runs)) ? (await readdir(paths.runs)).toSorted() : [];
  const old = runIds.slice(0, Math.max(0, runIds.length - options.keep));
  const reason = `${name} has ${runIds.length} runs, of which the newest ${options.keep} are retained`;
  for (const runId of old) {
    const path = join(paths.runs, runId);
    const size = await sizeOnDisk(path);
    await remove({ kind: "run", path, label: `${name} ${runId}`, size, reason }, options, report);
  }
  await pruneWork(build, options, report);
}

/** Removes the working disk with its checkpoints, and everything that depends on it. */
async function pruneWork(
  { name, paths, runs }: BuildSummary,
  options: PruneOptions,
  report: Report,
): Promise<void> {
  const age = options.now - Date.parse(runs.at(-1)?.startedAt ?? "1970-01-01");
  if (!options.all && age <= options.olderThanMs) return;
  const reason = options.all
    ? "working files and checkpoints of a finished run"
    : `not run for ${Math.floor(age / 86_400_000)} days`;
  // The records are removed first, so that they never describe files that are gone.
  const going = [
    paths.checkpoints,
    paths.disk,
    paths.disks,
    paths.base,
    paths.seed,
    paths.firmwareVariables,
    paths.keys,
    paths.outputs,
    paths.texts,
    paths.published,
    paths.once.folder,
  ];
  for (const path of going) {
    if (!(await statIfThere(path))) continue;
    const size = await sizeOnDisk(path);
    const label = `${name} ${path.slice(paths.folder.length + 1)}`;
    await remove({ kind: "work", path, label, size, reason }, options, report);
  }
}

/**
 * Removes sockets whose run is gone. Sockets are listed before runs, so that the socket of a new
 * run is not removed.
 */
async function pruneSockets(options: PruneOptions, report: Report): Promise<void> {
  const folder = await runtimeFolder().catch((error: unknown) => {
    // Without a usable folder there are no sockets.
    if (error instanceof VmbuildError) return undefined;
    throw error;
  });
  if (folder === undefined) return;
  const sockets = (await readdir(folder)).filter((name) => /\.(qmp|ctl|tpm|tpmstate)$/.test(name));
  const builds = await summarizeBuilds();
  const live = builds.flatMap(({ runs }) => runs.filter(isInProgress)).map(({ runId }) => runId);
  for (const name of sockets) {
    if (live.includes(name.replace(/\.\w+$/, ""))) continue;
    const path = join(folder, name);
    const reason = "its run has ended";
    await remove({ kind: "socket", path, label: name, size: 0, reason }, options, report);
  }
}

/**
 * Returns the cache entries that are not in use: neither by running builds, nor as the base of a
 * disk that is kept.
 */
async function unusedItems(
  builds: readonly BuildSummary[],
  all: boolean,
): Promise<(item: CacheItem) => boolean> {
  const active = builds.filter((build) => build.active);
  // A run marks the entries that it uses at its start, so everything marked since the oldest start
  // is kept.
  const since = Math.min(
    ...active.flatMap(({ runs }) => runs.slice(-1).map((run) => Date.parse(run.startedAt))),
  );
  const disks = (all ? active : builds).map(({ paths }) => paths.disk);
  const below = await Promise.all(disks.map(backingFileOf));
  return (item) =>
    item.usedAt < since && !below.some((path) => path?.startsWith(item.path + sep) === true);
}

async function pruneCaches(options: PruneOptions, report: Report): Promise<void> {
  const builds = await summarizeBuilds();
  const items = await readCaches();
  const chosen = chooseEvictions(items, options, await unusedItems(builds, options.all));
  for (const { item, reason } of chosen) {
    const { kind, path, label, size } = item;
    await withFreeLock(join(path, "lock"), options.dryRun, () =>
      remove({ kind, path, label, size, reason }, options, report),
    );
  }
  const staying = items.filter((item) => !chosen.some((one) => one.item === item));
  for (const item of staying) await pruneLeftovers(item, options, report);
}

/** Removes the work folders of killed bootstraps. */
async function pruneLeftovers(item: CacheItem, options: PruneOptions, report: Report) {
  const names = (await readdir(item.path)).filter((name) => name.startsWith(".work-"));
  if (names.length === 0) return;
  await withFreeLock(join(item.path, "lock"), options.dryRun, async () => {
    for (const name of names) {
      const path = join(item.path, name);
      const size = await sizeOnDisk(path);
      const reason = "left by a killed bootstrap";
      await remove({ kind: "leftover", path, label: name, size, reason }, options, report);
    }
  });
}

/**
 * Removes unused, old or excess files.
 * @param report called for each item that is removed.
 * @returns the builds that were skipped because they are running.
 * @throws the signal's reason.
 */
export async function prune(options: PruneOptions, report: Report): Promise<string[]> {
  const busy: string[] = [];
  for (const build of await summarizeBuilds()) {
    const free = await withFreeLock(build.paths.lock, options.dryRun, () =>
      pruneBuild(build, options, report),
    );
    if (!free) busy.push(build.name);
  }
  await pruneSockets(options, report);
  await pruneCaches(options, report);
  return busy;
}
