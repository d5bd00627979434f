/** Frees what builds left on this host, and never what a running build uses. */
import { readdir, rm } from "node:fs/promises";
import { join, sep } from "node:path";
import { VmbuildError } from "../../errors.js";
import { sizeOnDisk, statIfThere } from "../../host/files.js";
import { isLocked, tryLock } from "../../host/lock.js";
import { runtimeFolder } from "../../host/paths.js";
import { isUnderWay, summarizeBuilds } from "../records.js";
import type { BuildSummary } from "../records.js";
import { backingFileOf, chooseItems, readCaches } from "./caches.js";
import type { CacheItem, CacheLimits } from "./caches.js";

/** What goes, and what stays. */
export interface PruneOptions extends CacheLimits {
  /** How many runs of each build keep their logs. */
  readonly keep: number;
  /** Only tell. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Something that went, or would go. */
export interface Removal {
  readonly kind: "run" | "work" | "input" | "base" | "ready" | "leftover" | "socket";
  /** Absolute. */
  readonly path: string;
  readonly label: string;
  /** Bytes on disk. */
  readonly size: number;
  readonly reason: string;
}

type Report = (removal: Removal) => void;

async function remove(removal: Removal, options: PruneOptions, report: Report): Promise<void> {
  options.signal.throwIfAborted();
  if (!options.dryRun) await rm(removal.path, { recursive: true, force: true });
  report(removal);
}

/** Does some work while nobody else can have the lock; not at all when somebody has it. */
async function whileFree(
  lock: string,
  dryRun: boolean,
  work: () => Promise<void>,
): Promise<boolean> {
  if (dryRun) {
    // Taking the lock would make its file, which is more than looking.
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

/** Old runs' folders, and the working files of a build that was not used for long, or all do go. */
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

/** The working disk with its checkpoints, and all that is of no use without it. */
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
  // The records go first: what they tell of must not outlive it.
  const going = [
    paths.checkpoints,
    paths.disk,
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

/** Sockets whose run is gone. Names are read before runs are, so that a new one is not missed. */
async function pruneSockets(options: PruneOptions, report: Report): Promise<void> {
  const folder = await runtimeFolder().catch((error: unknown) => {
    // Without a folder for them there are no sockets.
    if (error instanceof VmbuildError) return undefined;
    throw error;
  });
  if (folder === undefined) return;
  const sockets = (await readdir(folder)).filter((name) => /\.(qmp|ctl)$/.test(name));
  const builds = await summarizeBuilds();
  const live = builds.flatMap(({ runs }) => runs.filter(isUnderWay)).map(({ runId }) => runId);
  for (const name of sockets) {
    if (live.includes(name.replace(/\.\w+$/, ""))) continue;
    const path = join(folder, name);
    const reason = "its run has ended";
    await remove({ kind: "socket", path, label: name, size: 0, reason }, options, report);
  }
}

/** Which cached items nobody needs: not those of running builds, nor below a disk that stays. */
async function freeItems(
  builds: readonly BuildSummary[],
  all: boolean,
): Promise<(item: CacheItem) => boolean> {
  const active = builds.filter((build) => build.active);
  // A run marks what it uses when it begins to; whatever was marked since the first began stays.
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
  const chosen = chooseItems(items, options, await freeItems(builds, options.all));
  for (const { item, reason } of chosen) {
    const { kind, path, label, size } = item;
    await whileFree(join(path, "lock"), options.dryRun, () =>
      remove({ kind, path, label, size, reason }, options, report),
    );
  }
  const staying = items.filter((item) => !chosen.some((one) => one.item === item));
  for (const item of staying) await pruneLeftovers(item, options, report);
}

/** Work folders of bootstraps that were killed. */
async function pruneLeftovers(item: CacheItem, options: PruneOptions, report: Report) {
  const names = (await readdir(item.path)).filter((name) => name.startsWith(".work-"));
  if (names.length === 0) return;
  await whileFree(join(item.path, "lock"), options.dryRun, async () => {
    for (const name of names) {
      const path = join(item.path, name);
      const size = await sizeOnDisk(path);
      const reason = "left by a killed bootstrap";
      await remove({ kind: "leftover", path, label: name, size, reason }, options, report);
    }
  });
}

/**
 * Frees what is dead, old or too much.
 * @param report told of each thing as it goes.
 * @returns the builds that were left alone because they run now.
 * @throws the signal's reason.
 */
export async function prune(options: PruneOptions, report: Report): Promise<string[]> {
  const busy: string[] = [];
  for (const build of await summarizeBuilds()) {
    const free = await whileFree(build.paths.lock, options.dryRun, () =>
      pruneBuild(build, options, report),
    );
    if (!free) busy.push(build.name);
  }
  await pruneSockets(options, report);
  await pruneCaches(options, report);
  return busy;
}
