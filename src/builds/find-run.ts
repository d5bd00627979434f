/** Finds a run by what a user calls it: its id, a part of its id, or the name of its build. */
import { VmbuildError } from "../errors.js";
import { findRun, isInProgress, summarizeBuilds } from "./records.js";
import type { BuildSummary, FoundRun } from "./records.js";
import { runPaths } from "./workspace.js";

/** Run together with its build. */
export interface NamedRun extends FoundRun {
  readonly build: BuildSummary["paths"];
}

function namedRuns(builds: readonly BuildSummary[]): NamedRun[] {
  return builds.flatMap(({ paths, runs }) =>
    runs.map((record) => ({ record, paths: runPaths(paths, record.runId), build: paths })),
  );
}

/** Lists runs for a hint. */
function listOf(runs: readonly NamedRun[]): string {
  return runs.map(({ record }) => `${record.name} ${record.runId}`).join(", ");
}

/** Returns the only run in progress. */
function onlyRun(runs: readonly NamedRun[]): NamedRun {
  const active = runs.filter(({ record }) => isInProgress(record));
  const [only, second] = active;
  if (only && !second) return only;
  if (!only) throw new VmbuildError("BUILD_UNKNOWN", "No build is running");
  throw new VmbuildError("BUILD_UNKNOWN", "Several builds are running", {
    hint: `Name one of them: ${listOf(active)}.`,
  });
}

/**
 * Returns the run that a text names: the last run of a build, the run whose id begins or ends with
 * the text, or the only run in progress where there is no text.
 * @throws {VmbuildError} BUILD_UNKNOWN when there is none, or several.
 */
export async function findNamedRun(text: string | undefined): Promise<NamedRun> {
  const builds = await summarizeBuilds();
  const runs = namedRuns(builds);
  if (text === undefined) return onlyRun(runs);
  const build = builds.find(({ name }) => name === text);
  if (build) return { ...(await findRun(text, undefined)), build: build.paths };
  const matches = runs.filter(
    ({ record: { runId } }) => text !== "" && (runId.startsWith(text) || runId.endsWith(text)),
  );
  const [only, second] = matches;
  if (only && !second) return only;
  if (second) {
    throw new VmbuildError("BUILD_UNKNOWN", `Several runs match ${text}`, {
      hint: `They are ${listOf(matches)}.`,
    });
  }
  const names = builds.map(({ name }) => name).join(", ");
  throw new VmbuildError("BUILD_UNKNOWN", `This host has no build and no run ${text}`, {
    hint: names === "" ? "There are no builds on this host." : `The builds are ${names}.`,
  });
}
