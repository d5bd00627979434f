/** One build's folder on this host, one run's folder inside it, and what a dead run left behind. */
import { randomBytes } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { workPaths } from "../checkpoints/records.js";
import type { WorkPaths } from "../checkpoints/records.js";
import { VmbuildError } from "../errors.js";
import { makePrivateFolder, statIfThere, writeWhole } from "../host/files.js";
import { lockHolder, tryLock } from "../host/lock.js";
import type { HeldLock } from "../host/lock.js";
import { hostPaths } from "../host/paths.js";

/** The places of one build, its working disk's among them. Absolute. */
export interface BuildPaths extends WorkPaths {
  readonly lock: string;
  readonly runs: string;
  /** Small texts that went into checkpoints, to compare later ones with. */
  readonly texts: string;
  /** What the last finished run published, and the key of what it was made from. */
  readonly published: string;
  /** The working disk of a run that leaves no checkpoints, so that it spoils none. */
  readonly once: WorkPaths;
}

/** What `failedStep` says when the steps were done and sealing failed; no step may be called so. */
export const SEAL = "(seal)";

/** The places of one run. Absolute. */
export interface RunPaths {
  readonly folder: string;
  readonly record: string;
  readonly events: string;
  readonly console: string;
  readonly qemuLog: string;
  readonly qemu: string;
  readonly steps: string;
  /** What actions make for the output folder; it moves there with the artifact. */
  readonly outputs: string;
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
  /** `interrupted` is written by a later run that finds a dead one. */
  state: z.enum(["running", "paused", "done", "failed", "interrupted"]),
  /** The error's code, or the artifact's path. */
  outcome: z.string().optional(),
  failedStep: z.string().optional(),
  artifact: z.string().optional(),
  /** Where `vmbuild ssh` gets in while the machine runs. */
  machine: z
    .object({
      pid: z.number(),
      sshPort: z.number(),
      /** Leads to the build's own SSH server, which outlives a clean-up of the guest's. */
      secondPort: z.number().optional(),
      user: z.string(),
      control: z.string(),
      /** The folder of the keys that open it. */
      keys: z.string(),
    })
    .optional(),
});

/** What a run says of itself, for `list`, `ssh` and `logs`. */
export type RunRecord = z.infer<typeof recordSchema>;

/** The places of a build by name. Pure. */
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

/** The places of a run. Pure. */
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
    outputs: join(folder, "outputs"),
    scratch: join(folder, "scratch"),
  };
}

/** `20260214-170400-3f9a1c`: sorts by time, and is a file name. */
function makeRunId(now: Date): string {
  const stamp = now.toISOString().replaceAll(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return `${stamp}-${randomBytes(3).toString("hex")}`;
}

/** All runs of a build that left a record, oldest first. */
export async function readRuns(build: BuildPaths): Promise<RunRecord[]> {
  if (!(await statIfThere(build.runs))) return [];
  const records: RunRecord[] = [];
  for (const runId of await readdir(build.runs)) {
    const record = await readRecord(runPaths(build, runId).record);
    if (record) records.push(record);
  }
  // Not by name: two runs may begin within a second.
  return records.toSorted((one, other) => one.startedAt.localeCompare(other.startedAt));
}

async function readRecord(path: string): Promise<RunRecord | undefined> {
  try {
    return recordSchema.safeParse(JSON.parse(await readFile(path, "utf8"))).data;
  } catch {
    // No record, or one of which only a part was written before this version wrote them whole.
    return undefined;
  }
}

/** A run that has its build's lock and a folder of its own. */
export interface Workspace extends AsyncDisposable {
  readonly runId: string;
  readonly build: BuildPaths;
  readonly run: RunPaths;
  /** Where this run's machine has its disk. */
  readonly work: WorkPaths;
  /** What was tidied after runs that died. */
  readonly tidied: readonly string[];
  /** The step that failed in this run, if one did. */
  readonly failedStep: string | undefined;
  /** Changes the run's record on disk. */
  update(changes: Partial<RunRecord>): Promise<void>;
}

/** Marks dead runs and removes what a killed run could not. Only for the lock's holder. */
async function tidy(build: BuildPaths): Promise<string[]> {
  const tidied: string[] = [];
  for (const record of await readRuns(build)) {
    if (record.state !== "running" && record.state !== "paused") continue;
    const paths = runPaths(build, record.runId);
    const { machine: _machine, ...rest } = record;
    await writeRecord(paths.record, { ...rest, state: "interrupted" });
    for (const leftover of [paths.scratch, paths.outputs]) {
      await rm(leftover, { recursive: true, force: true });
    }
    if (record.machine) await rm(record.machine.control, { force: true });
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
  return writeWhole(path, `${JSON.stringify(record, null, 2)}\n`, 0o600);
}

/** The error for a build that somebody works with. */
export async function lockError(name: string, path: string): Promise<VmbuildError> {
  const holder = await lockHolder(path);
  return new VmbuildError("BUILD_LOCKED", `Another run of ${name} is in progress`, {
    details: { pid: holder },
    hint: `Wait for it${holder ? ` (process ${holder})` : ""}, or open a shell in its guest: vmbuild ssh ${name}`,
  });
}

async function takeLock(name: string, build: BuildPaths): Promise<HeldLock> {
  const lock = await tryLock(build.lock);
  if (lock) return lock;
  throw await lockError(name, build.lock);
}

/**
 * Opens a build's folder for one run.
 * @param options `once`: the run leaves no checkpoints, and works apart from those that are there.
 * @throws {VmbuildError} BUILD_LOCKED when another run of the same build is under way.
 */
export async function openWorkspace(
  template: { name: string; version: string; path: string },
  options: { readonly once?: boolean; readonly now?: Date } = {},
): Promise<Workspace> {
  const { now = new Date() } = options;
  const build = buildPaths(template.name);
  await makePrivateFolder(build.folder);
  const lock = await takeLock(template.name, build);
  try {
    const tidied = await tidy(build);
    const runId = makeRunId(now);
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
