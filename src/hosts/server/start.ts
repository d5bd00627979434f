/** Starts runs of bundles on this host, by this vmbuild. */
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isInProgress, summarizeBuilds } from "../../builds/records.js";
import { lockError } from "../../builds/workspace.js";
import { VmbuildError } from "../../errors.js";
import { makePrivateFolder } from "../../host/files.js";
import { waitForLock } from "../../host/lock.js";
import { runProgram } from "../../host/programs.js";
import { errorOf, runSchema } from "../messages.js";
import type { HostRequest } from "../messages.js";
import { ContentStore } from "./store.js";
import { bundleFolder, layOut, pruneBundles } from "./tree.js";

/** Time after which what no run has used is removed. Milliseconds. */
const UNUSED_MS = 30 * 24 * 3_600_000;

type StartRequest = Extract<HostRequest, { do: "start" }>;

/** Returns the error that a command has printed as JSON on stderr. */
function printedError(lines: readonly string[], exitCode: number | null): VmbuildError {
  for (const line of lines.toReversed()) {
    try {
      const value = JSON.parse(line) as { error?: unknown };
      if (value.error !== undefined) return errorOf(value.error);
    } catch {
      // Not a line of vmbuild's.
    }
  }
  const message = `The run could not be started: vmbuild ended with ${exitCode ?? "a signal"}`;
  return new VmbuildError("RUN_KILLED", message, { lines });
}

/**
 * Requires that no run reads the files that are about to be replaced.
 * @throws {VmbuildError} BUILD_LOCKED.
 */
async function requireIdle(name: string): Promise<void> {
  const build = (await summarizeBuilds()).find((one) => one.name === name);
  if (build?.active === true) throw await lockError(name, build.paths.lock);
}

async function prune(folder: string, store: ContentStore): Promise<void> {
  const before = Date.now() - UNUSED_MS;
  const runs = (await summarizeBuilds()).flatMap((build) => build.runs.filter(isInProgress));
  const isUsed = (tree: string): boolean =>
    runs.some(({ template }) => template.startsWith(`${tree}/`));
  await pruneBundles(folder, before, isUsed);
  await store.prune(before);
}

/**
 * Lays out a bundle and starts its run, which goes on without this process.
 * @param folder folder for bundles and images. Absolute.
 * @param program this vmbuild: node and its arguments.
 * @throws {VmbuildError} the error of a run that could not begin.
 */
export async function startRun(
  folder: string,
  request: StartRequest,
  [file, ...own]: readonly [string, ...string[]],
): Promise<{ name: string; runId: string }> {
  const { name } = request;
  const store = new ContentStore(folder);
  const place = bundleFolder(folder, name);
  const { tree } = place;
  await makePrivateFolder(dirname(place.lock));
  // Held until the run has begun, and with it the lock of the build.
  await using _lock = await waitForLock(place.lock);
  await requireIdle(name);
  await layOut(place, request.entries, store);
  const words = request.arguments.map(({ text, path }) =>
    path === undefined ? text : `${text}${join(tree, path)}`,
  );
  const args = [
    ...["run", "--detach", "--json", "--log-format=json"],
    `--output=${join(folder, "output", name)}`,
    ...words,
    ...["--", join(tree, request.template)],
  ];
  const cwd = join(tree, request.folder);
  await mkdir(cwd, { recursive: true });
  const result = await runProgram(file, [...own, ...args], {
    cwd,
    env: request.environment,
    captureOutput: true,
  });
  await prune(folder, store);
  if (result.exitCode === 0) return runSchema.parse(JSON.parse(result.stdout));
  throw printedError(result.lastLines, result.exitCode);
}
