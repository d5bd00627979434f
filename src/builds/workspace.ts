/**
 * Manages the folder of a build and the folders of its runs on this host, and cleans up after
 * killed runs.
 */
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { workPaths } from "../checkpoints/records.js";
import type { WorkPaths } from "../checkpoints/records.js";
import { VmbuildError } from "../errors.js";
import { makePrivateFolder, statIfThere, writeFileAtomic } from "../host/files.js";
import { lockHolder, tryLock } from "../host/lock.js";
import type { HeldLock } from "../host/lock.js";
import { TPM_ENDINGS, hostPaths } from "../host/paths.js";

/** Paths of a build, including those of its working disk. All are absolute. */
export interface BuildPaths extends WorkPaths {
  readonly lock: string;
  readonly runs: string;
  /** Small texts that checkpoints were made from, to show later what changed. */
  readonly texts: string;
  /** Record of the last published artifact, with the key of what it was made from. */
  readonly published: string;
  /** Working disk of a run without checkpoints, separate from the one that holds checkpoints. */
  readonly once: WorkPaths;
}

/** Value of `failedStep` when sealing failed after all steps; no step may have this name. */
export const SEAL_STEP = "(seal)";

/** Paths of a run. All are absolute. */
export interface RunPaths {
  readonly folder: string;
  readonly record: string;
  readonly events: string;
  readonly console: string;
  readonly qemuLog: string;
  readonly qemu: string;
  readonly steps: string;
  /** Pictures of the machine's screen. */
  readonly screens: string;
  /** Files that actions create for the output folder; they are moved there with the artifact. */
  readonly outputs: string;
  /** Events that wait for their delivery, in a folder for each sink. */
  readonly sinks: string;
  readonly scratch: string;
}

const recordSchema = z.object({
  runId: z.string(),
  name: z.string(),
  version: z.string(),
  template: z.string(),
  pid: z.number(),
  startedAt: z.string(),
  endedAt: z.string().optional(),
  /** `interrupted` is set by a later run that finds the record of a killed one. */
  state: z.enum(["running", "paused", "done", "failed", "interrupted"]),
  /** Code of the error, or path of the artifact. */
  outcome: z.string().optional(),
  failedStep: z.string().optional(),
  artifact: z.string().optional(),
  /** Deadline of the run's lease. ISO 8601. */
  expiresAt: z.string().optional(),
  /** Path of the run's control socket while the run is in progress. */
  control: z.string().optional(),
  /** Connection data for `vmbuild ssh` while the machine runs. */
  machine: z
    .object({
      pid: z.number(),
      sshPort: z.number(),
      /**
       * Port of the rescue SSH server, which keeps working when a step reconfigures the guest's
       * own.
       */
      secondPort: z.number().optional(),
      user: z.string(),
      control: z.string(),
      /** Folder of the keys for it. */
      keys: z.string(),
    })
    .optional(),
});

/** Record of a run, for `list`, `ssh` and `logs`. */
export type RunRecord = z.infer<typeof recordSchema>;

/** Returns the paths of a build by its name. Pure. */
export function buildPaths(name: string): BuildPaths {
  const folder = join(hostPaths().builds, name);
  return {
    ...workPaths(folder),
    lock: join(folder, "lock"),
    runs: join(folder, "runs"),
    texts: join(folder, "texts"),
    published: join(folder, "published.json"),
    once: workPaths(join(folder, "once")),
  };
}

/** Returns the paths of a run. Pure. */
export function runPaths(build: BuildPaths, runId: string): RunPaths {
  const folder = join(build.runs, runId);
  return {
    folder,
    record: join(folder, "run.json"),
    events: join(folder, "events.ndjson"),
    console: join(folder, "console.log"),
    qemuLog: join(folder, "qemu.log"),
    qemu: join(folder, "qemu.json"),
    steps: join(folder, "steps"),
    screens: join(folder, "screens"),
    outputs: join(folder, "outputs"),
    sinks: join(folder, "sinks"),
    scratch: join(folder, "scratch"),
  };
}

/**
 * Generates an id such as `20260214-170400-3f9a1c`, which sorts by time and is a valid file name.
 */
export function makeRunId(now: Date): string {
  const stamp = now.toISOString().replaceAll(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${stamp}-${randomBytes(3).toString("hex")}`;
}

/** Returns all recorded runs of a build, oldest first. */
export async function readRuns(build: BuildPaths): Promise<RunRecord[]> {
  if (!(await statIfThere(build.runs))) return [];
  const records: RunRecord[] = [];
  for (const runId of await readdir(build.runs)) {
    const record = await readRecord(runPaths(build, runId).record);
    if (record) records.push(record);
  }
  // Not sorted by name, because two runs may start within a second.
  return records.toSorted((one, other) => one.startedAt.localeCompare(other.startedAt));
}

/** Reads the record of a run; undefined where there is none. */
export async function readRecord(path: string): Promise<RunRecord | undefined> {
  try {
    return recordSchema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch {
    // There is no record, or only a part of one from an earlier version that did not write it
    // atomically.
    return undefined;
  }
}

/** Workspace of a run: holds the build's lock and a folder of its own. */
export interface Workspace extends AsyncDisposable {
  readonly runId: string;
  readonly build: BuildPaths;
  readonly run: RunPaths;
  /** Paths of this run's working disk. */
  readonly work: WorkPaths;
  /** Items that were cleaned up after killed runs. */
  readonly tidied: readonly string[];
  /** Step that failed in this run, if any. */
  readonly failedStep: string | undefined;
  /** Updates the run's record on disk. */
  update(changes: Partial<RunRecord>): Promise<void>;
}

/** Removes the control socket of a killed run, and what is left of its TPM beside it. */
async function removeSockets(control: string, runId: string): Promise<void> {
  const tpm = TPM_ENDINGS.map((ending) => join(dirname(control), `${runId}${ending}`));
  for (const path of [control, ...tpm]) await rm(path, { recursive: true, force: true });
}

/**
 * Returns the code of the error of a run that was killed: LEASE_EXPIRED when its deadline has
 * passed meanwhile.
 */
export function outcomeOfKilled(
  { expiresAt }: Pick<RunRecord, "expiresAt">,
  now = Date.now(),
): "LEASE_EXPIRED" | "RUN_KILLED" {
  return expiresAt !== undefined && Date.parse(expiresAt) <= now ? "LEASE_EXPIRED" : "RUN_KILLED";
}

/** Marks killed runs as interrupted and removes their files. Only for the lock's holder. */
export async function cleanUp(build: BuildPaths): Promise<string[]> {
  const tidied: string[] = [];
  for (const record of await readRuns(build)) {
    if (record.state !== "running" && record.state !== "paused") continue;
    const paths = runPaths(build, record.runId);
    const { machine: _machine, control, ...rest } = record;
    const outcome = outcomeOfKilled(record);
    await writeRecord(paths.record, { ...rest, state: "interrupted", outcome });
    for (const leftover of [paths.scratch, paths.outputs]) {
      await rm(leftover, { recursive: true, force: true });
    }
    const socket = control ?? record.machine?.control;
    if (socket !== undefined) await removeSockets(socket, record.runId);
    tidied.push(`the run ${record.runId} was killed; its logs are in ${paths.folder}`);
  }
  await rm(build.once.folder, { recursive: true, force: true });
  for (const name of await readdir(build.folder)) {
    if (!name.startsWith(".seed-") && !name.endsWith(".part")) continue;
    await rm(join(build.folder, name), { recursive: true, force: true });
    tidied.push(`removed ${name}`);
  }
  return tidied;
}

function writeRecord(path: string, record: RunRecord): Promise<void> {
  return writeFileAtomic(path, `${JSON.stringify(record, null, 2)}\n`, 0o600);
}

/** Returns the error for a build that is in use. */
export async function lockError(name: string, path: string): Promise<VmbuildError> {
  const holder = await lockHolder(path);
  return new VmbuildError("BUILD_LOCKED", `Another run of ${name} is in progress`, {
    details: { pid: holder },
    hint:
      `Follow it${holder ? ` (process ${holder})` : ""} with vmbuild attach ${name}, wait for its end with vmbuild wait ${name}, ` +
      `end it with vmbuild stop ${name}, or open a shell in its guest with vmbuild ssh ${name}.`,
  });
}

async function takeLock(name: string, build: BuildPaths): Promise<HeldLock> {
  const lock = await tryLock(build.lock);
  if (lock) return lock;
  throw await lockError(name, build.lock);
}

/**
 * Opens a build's folder for one run.
 * @param options `once`: the run leaves no checkpoints and uses a separate working disk; `runId`:
 *   an id of {@link makeRunId} for the run.
 * @throws {VmbuildError} BUILD_LOCKED when another run of the same build is in progress.
 */
export async function openWorkspace(
  template: { name: string; version: string; path: string },
  options: {
    readonly once?: boolean;
    readonly now?: Date;
    readonly runId?: string | undefined;
  } = {},
): Promise<Workspace> {
  const { now = new Date() } = options;
  const build = buildPaths(template.name);
  await makePrivateFolder(build.folder);
  const lock = await takeLock(template.name, build);
  try {
    const tidied = await cleanUp(build);
    const runId = options.runId ?? makeRunId(now);
    const run = runPaths(build, runId);
    const work = options.once ? build.once : build;
    for (const folder of [work.folder, run.folder, run.steps, run.outputs, run.scratch]) {
      await makePrivateFolder(folder);
    }
    let record: RunRecord = {
      runId,
      name: template.name,
      version: template.version,
      template: template.path,
      pid: process.pid,
      startedAt: now.toISOString(),
      state: "running",
    };
    await writeRecord(run.record, record);
    return {
      runId,
      build,
      run,
      work,
      tidied,
      get failedStep() {
        return record.failedStep;
      },
      async update(changes) {
        record = { ...record, ...changes };
        await writeRecord(run.record, record);
      },
      async [Symbol.asyncDispose]() {
        try {
          await rm(run.scratch, { recursive: true, force: true });
        } finally {
          await lock.release();
        }
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}
