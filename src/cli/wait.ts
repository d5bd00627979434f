/** Implements `vmbuild wait`: waits for the end of runs. */
import { findNamedRun } from "../builds/find-run.js";
import type { NamedRun } from "../builds/find-run.js";
import { exitCodeOf, waitForRun } from "../builds/run-end.js";
import type { RunRecord } from "../builds/workspace.js";
import { VmbuildError } from "../errors.js";
import { interruptible } from "./interrupt.js";
import { parseTime } from "./lease-options.js";
import { createOutput } from "./output.js";

/** Flags of the command. */
export interface WaitFlags {
  readonly timeout?: string;
  readonly json?: boolean;
}

/** Longest time that a timer supports; an hour more or less makes no difference there. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Returns the error for runs that are still in progress. */
function stillRunning(runs: readonly NamedRun[], time: string): VmbuildError {
  const names = runs.map(({ record }) => `${record.name} (${record.runId})`).join(", ");
  return new VmbuildError("RUN_IN_PROGRESS", `After ${time}, the run has not ended: ${names}`, {
    hint: "It continues. Wait longer, follow it with vmbuild attach, or end it with vmbuild stop.",
  });
}

/**
 * Runs the command; returns the exit code of the run. With several, it is that of the first one, in
 * the order of the arguments, that failed.
 */
export async function wait(names: readonly string[], flags: WaitFlags): Promise<number> {
  const output = createOutput();
  const { timeout } = flags;
  const timeoutMs = timeout === undefined ? undefined : parseTime("--timeout", timeout);
  const runs: NamedRun[] = [];
  for (const name of names) runs.push(await findNamedRun(name));
  const ended = new Map<NamedRun, RunRecord>();
  await interruptible(async (interrupted) => {
    const late = timeoutMs && AbortSignal.timeout(Math.min(timeoutMs, MAX_TIMER_MS));
    const signal = late ? AbortSignal.any([interrupted, late]) : interrupted;
    try {
      await Promise.all(runs.map(async (run) => ended.set(run, await waitForRun(run, signal))));
    } catch (error) {
      interrupted.throwIfAborted();
      if (!signal.aborted) throw error;
      throw stillRunning(
        runs.filter((run) => !ended.has(run)),
        timeout ?? "",
      );
    }
  });
  const records = runs.flatMap((run) => ended.get(run) ?? []);
  const rows = records.map((record) => ({
    name: record.name,
    runId: record.runId,
    state: record.state,
    outcome: record.outcome ?? null,
    artifact: record.artifact ?? null,
    exitCode: exitCodeOf(record),
  }));
  if (flags.json) output.printJson(rows.length === 1 ? rows[0] : { runs: rows });
  for (const { name, runId, state, outcome } of rows) {
    output.log(`${name} ${runId}: ${state}${outcome === null ? "" : ` ${outcome}`}`);
  }
  return rows.find(({ exitCode }) => exitCode !== 0)?.exitCode ?? 0;
}
