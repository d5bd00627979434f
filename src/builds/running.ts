/** Finds runs in progress on this host, for `vmbuild ssh` and `vmbuild screen`. */
import { readdir } from "node:fs/promises";
import { VmbuildError } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { isLocked } from "../host/lock.js";
import { hostPaths } from "../host/paths.js";
import { buildPaths, readRuns } from "./workspace.js";
import type { BuildPaths, RunRecord } from "./workspace.js";

/** Run whose machine is running. */
export interface ReachableRun {
  readonly record: RunRecord & { readonly machine: NonNullable<RunRecord["machine"]> };
  readonly build: BuildPaths;
}

/** Returns the names of all builds on this host. */
export async function buildNames(): Promise<string[]> {
  const { builds } = hostPaths();
  if (!(await statIfThere(builds))) return [];
  const entries = await readdir(builds, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}

/**
 * Returns the run of a build that is in progress. Undefined without one.
 * @throws {VmbuildError} BUILD_UNKNOWN when there is no such build; it lists the existing ones.
 */
export async function findActiveRun(name: string): Promise<RunRecord | undefined> {
  const names = await buildNames();
  if (!names.includes(name)) throw unknownBuildError(name, names);
  return activeRun(buildPaths(name));
}

function unknownBuildError(name: string, names: readonly string[]): VmbuildError {
  return new VmbuildError("BUILD_UNKNOWN", `This host has no build ${name}`, {
    hint:
      names.length > 0
        ? `The builds are ${names.join(", ")}.`
        : "There are no builds on this host.",
  });
}

async function activeRun(build: BuildPaths): Promise<RunRecord | undefined> {
  const record = (await readRuns(build)).at(-1);
  if (record?.state !== "running" && record?.state !== "paused") return undefined;
  // The record may be that of a killed run, so the lock decides.
  return (await isLocked(build.lock)) ? record : undefined;
}

async function reachable(name: string): Promise<ReachableRun | undefined> {
  const build = buildPaths(name);
  const record = await activeRun(build);
  if (!record?.machine) return undefined;
  return { record: { ...record, machine: record.machine }, build };
}

/**
 * Returns the run to connect to: that of the named build, or the only one. Undefined where the
 * named build has no running machine.
 * @throws {VmbuildError} BUILD_UNKNOWN, which lists the existing ones.
 */
export async function findRunning(name: string | undefined): Promise<ReachableRun | undefined> {
  const names = await buildNames();
  if (name !== undefined && !names.includes(name)) throw unknownBuildError(name, names);
  const found: ReachableRun[] = [];
  for (const candidate of name === undefined ? names : [name]) {
    const run = await reachable(candidate);
    if (run) found.push(run);
  }
  const [only, second] = found;
  if (only && !second) return only;
  if (!only && name !== undefined) return undefined;
  if (!only) {
    throw new VmbuildError("BUILD_UNKNOWN", "No build is running", {
      hint: "To open the last checkpoint of a build, run vmbuild ssh NAME; `vmbuild list` lists the builds.",
    });
  }
  const list = found.map(({ record }) => record.name).join(", ");
  throw new VmbuildError("BUILD_UNKNOWN", `Several builds are running: ${list}`, {
    hint: `Select one: vmbuild ssh ${only.record.name}`,
  });
}
