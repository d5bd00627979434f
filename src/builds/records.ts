/** Reads the records of builds and their runs on this host. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { sizeOnDisk, statIfThere } from "../host/files.js";
import { isLocked } from "../host/lock.js";
import { buildNames } from "./running.js";
import { SEAL_STEP, buildPaths, readRuns, runPaths } from "./workspace.js";
import type { BuildPaths, RunPaths, RunRecord } from "./workspace.js";

/** Build of this host. */
export interface BuildSummary {
  readonly name: string;
  readonly paths: BuildPaths;
  /** True when a run holds the build's lock. */
  readonly active: boolean;
  /** Oldest first. Each state is the actual one, even if a killed run wrote another. */
  readonly runs: readonly RunRecord[];
}

/** Returns whether a run's record says that it is in progress. */
export function isInProgress({ state }: Pick<RunRecord, "state">): boolean {
  return state === "running" || state === "paused";
}

async function isActive(paths: BuildPaths): Promise<boolean> {
  // Querying a lock creates its file, so a build that never ran is skipped.
  return (await statIfThere(paths.lock)) !== undefined && (await isLocked(paths.lock));
}

/** Returns one build with the actual states of its runs. */
async function summarizeBuild(name: string): Promise<BuildSummary> {
  const paths = buildPaths(name);
  const recorded = await readRuns(paths);
  const active = recorded.some(isInProgress) && (await isActive(paths));
  const last = recorded.at(-1);
  const runs = recorded.map((run): RunRecord =>
    isInProgress(run) && !(active && run === last) ? { ...run, state: "interrupted" } : run,
  );
  return { name, paths, active, runs };
}

/** Returns all builds, sorted by name. */
export async function summarizeBuilds(): Promise<BuildSummary[]> {
  return Promise.all((await buildNames()).map(summarizeBuild));
}

/** Returns the bytes that a build takes in the state folder: working disk, logs, keys. */
export function sizeOfBuild({ paths }: BuildSummary): Promise<number> {
  return sizeOnDisk(paths.folder);
}

/**
 * Returns the step in which a build's last run failed.
 * @throws {VmbuildError} BUILD_UNKNOWN when it did not fail in a step.
 */
export async function failedStepOf(name: string): Promise<string> {
  const last = (await readRuns(buildPaths(name))).at(-1);
  if (last?.failedStep !== undefined && last.failedStep !== SEAL_STEP) return last.failedStep;
  throw new VmbuildError("BUILD_UNKNOWN", `No step of ${name} failed in its last run`, {
    hint: `To resume, run vmbuild run ${name}. To rerun from a step, use --from STEP.`,
  });
}

/** Paths and record of a run. */
export interface FoundRun {
  readonly record: RunRecord;
  readonly paths: RunPaths;
}

/**
 * Returns a run of a build: the one whose id begins or ends with the given text, or the last one.
 * @throws {VmbuildError} BUILD_UNKNOWN, which lists the existing ones.
 */
export async function findRun(name: string, runId: string | undefined): Promise<FoundRun> {
  const names = await buildNames();
  if (!names.includes(name)) {
    throw new VmbuildError("BUILD_UNKNOWN", `This host has no build ${name}`, {
      hint:
        names.length > 0
          ? `The builds are ${names.join(", ")}.`
          : "There are no builds on this host.",
    });
  }
  const { paths, runs } = await summarizeBuild(name);
  const matches =
    runId === undefined
      ? runs.slice(-1)
      : runs.filter((run) => run.runId.startsWith(runId) || run.runId.endsWith(runId));
  const [record, second] = matches;
  if (record && !second) return { record, paths: runPaths(paths, record.runId) };
  const known = runs.map((run) => run.runId).join(", ");
  const which =
    runId === undefined ? "no recorded run" : `no run ${runId}, or several that match it`;
  throw new VmbuildError("BUILD_UNKNOWN", `${name} has ${which}`, {
    hint: known === "" ? `Run it: vmbuild run ${name}` : `The runs are ${known}.`,
  });
}

/**
 * Returns the log of a step by its name or number.
 * @throws {VmbuildError} BUILD_UNKNOWN, which lists the steps with logs.
 */
export async function findStepLog({ paths, record }: FoundRun, step: string): Promise<string> {
  const names = (await statIfThere(paths.steps)) ? (await readdir(paths.steps)).toSorted() : [];
  const logs = names.flatMap((file) => {
    const [, number, name] = /^(\d+)-(.+)\.log$/.exec(file) ?? [];
    return number === undefined || name === undefined ? [] : [{ file, number, name }];
  });
  const found =
    logs.find(({ name }) => name === step) ??
    logs.find(({ number }) => /^\d+$/.test(step) && Number(number) === Number(step));
  if (found) return join(paths.steps, found.file);
  throw new VmbuildError(
    "BUILD_UNKNOWN",
    `The run ${record.runId} has no log of the step ${step}`,
    {
      hint:
        logs.length > 0
          ? `The logs are ${logs.map(({ name }) => name).join(", ")}.`
          : "The run ended before its first step.",
    },
  );
}
