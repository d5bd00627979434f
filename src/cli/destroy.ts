/** Implements `vmbuild destroy`: removes a build from this host. */
import { destroyBuild, requireName } from "../builds/destroy.js";
import { findNamedRun } from "../builds/find-run.js";
import { stopRun } from "../builds/run-end.js";
import { buildNames } from "../builds/running.js";
import { buildPaths, readRuns } from "../builds/workspace.js";
import { interruptible } from "./interrupt.js";
import { createOutput } from "./output.js";
import { shortPath } from "./short-path.js";

/** Flags of the command. */
export interface DestroyFlags {
  readonly all?: boolean;
  readonly keepArtifact?: boolean;
  readonly json?: boolean;
}

/** Time in which the run of the build is to end by itself, before it is killed. Milliseconds. */
const STOP_MS = 60_000;

/** Ends the run of the build, if there is one. */
async function endRun(name: string, signal: AbortSignal): Promise<void> {
  if (!(await buildNames()).includes(name)) return;
  // A build that never ran has no runs.
  if ((await readRuns(buildPaths(name))).length === 0) return;
  await stopRun(await findNamedRun(name), { timeoutMs: STOP_MS, force: true, signal });
}

/** Runs the command; returns the exit code. */
export async function destroy(name: string, flags: DestroyFlags): Promise<number> {
  const output = createOutput();
  requireName(name);
  const { removed, kept } = await interruptible(async (signal) => {
    await endRun(name, signal);
    return destroyBuild(name, { artifact: flags.all ?? false });
  });
  if (flags.json) {
    output.printJson({ name, removed, kept });
    return 0;
  }
  if (removed.length === 0) output.log(`This host has no build ${name}.`);
  for (const path of removed) output.print(`Removed ${shortPath(path)}`);
  for (const folder of kept) output.log(`The image in ${shortPath(folder)} was kept.`);
  return 0;
}
