/** What this host knows of its builds and their runs. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { VmbuildError } from "../errors.js";
import { sizeOnDisk, statIfThere } from "../host/files.js";
import { isLocked } from "../host/lock.js";
import { buildNames } from "./running.js";
import { SEAL, buildPaths, readRuns, runPaths } from "./workspace.js";
import type { BuildPaths, RunPaths, RunRecord } from "./workspace.js";

/** One build of this host. */
export interface BuildSummary {
  readonly name: string;
  readonly paths: BuildPaths;
  /** Whether a run holds it now. */
  readonly active: boolean;
  /** Oldest first; each state is what is so now, whatever a killed run wrote last. */
  readonly runs: readonly RunRecord[];
}

/** Whether a run says of itself that it goes on. */
export function isUnderWay({ state }: Pick<RunRecord, "state">): boolean {
  return state === "running" || state === "paused";
}

async function isActive(paths: BuildPaths): Promise<boolean> {
  // Asking for a lock makes its file, so a build that never ran is not asked.
  return (await statIfThere(paths.lock)) !== undefined && (await isLocked(paths.lock));
}

/** One build, with its runs as they are now. */
async function summarizeBuild(name: string): Promise<BuildSummary> {
  const paths = buildPaths(name);
  const recorded = await readRuns(paths);
  const active = recorded.some(isUnderWay) && (await isActive(paths));
  const last = recorded.at(-1);
  const runs = recorded.map((run): RunRecord =>
    isUnderWay(run) && !(active && run === last) ? { ...run, state: "interrupted" } : run,
  );
  return { name, paths, active, runs };
}

/** All builds, by name. */
export async function summarizeBuilds(): Promise<BuildSummary[]> {
  return Promise.all((await buildNames()).map(summarizeBuild));
}

/** Bytes that a build takes in the state folder: working disk, logs, keys. */
export function sizeOfBuild({ paths }: BuildSummary): Promise<number> {
  return sizeOnDisk(paths.folder);
}

/**
 * The step in which a build's last run failed.
 * @throws {VmbuildError} BUILD_UNKNOWN when it did not fail in a step.
 */
export async function failedStepOf(name: string): Promise<string> {
  const last = (await readRuns(buildPaths(name))).at(-1);
  if (last?.failedStep !== undefined && last.failedStep !== SEAL) return last.failedStep;
  throw new VmbuildError("BUILD_UNKNOWN", `No step of ${name} failed in its last run`, {
    hint: `To resume, run vmbuild run ${name}. To rerun from a step, use --from STEP.`,
  });
}

/** A run's places, with its record. */
export interface FoundRun {
  readonly record: RunRecord;
  readonly paths: RunPaths;
}

/**
 * One run of a build: the named one (its id, or the end or beginning of it), or the last.
 * @throws {VmbuildError} BUILD_UNKNOWN, saying what there is.
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
 * The log of a step, by its name or number.
 * @throws {VmbuildError} BUILD_UNKNOWN, saying which steps left logs.
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
