/** Implements `vmbuild stop`: ends runs of other processes. */
import { findNamedRun } from "../builds/find-run.js";
import type { NamedRun } from "../builds/find-run.js";
import { isInProgress } from "../builds/records.js";
import { stopRun } from "../builds/run-end.js";
import { interruptible } from "./interrupt.js";
import { parseTime } from "./lease-options.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface StopFlags {
  readonly timeout: string;
  readonly force?: boolean;
}

/** Runs the command; returns the exit code. */
export async function stop(names: readonly string[], flags: StopFlags): Promise<number> {
  const output = createOutput();
  const timeoutMs = parseTime("--timeout", flags.timeout);
  const runs: NamedRun[] = [];
  for (const name of names) runs.push(await findNamedRun(name));
  await interruptible(async (signal) => {
    const options = { timeoutMs, force: flags.force ?? false, signal };
    for (const run of runs) {
      const { name, runId } = run.record;
      const wasRunning = isInProgress(run.record);
      const { state, outcome = "" } = await stopRun(run, options);
      const end = `${state} ${outcome}`.trim();
      output.log(
        wasRunning ? `Stopped ${name} ${runId}: ${end}` : `${name} ${runId} has ended: ${end}`,
      );
    }
  });
  return 0;
}
