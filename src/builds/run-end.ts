/** Waits for the end of a run of another process, and ends it. */
import { setTimeout as delay } from "node:timers/promises";
import { ERRORS, VmbuildError, systemCode } from "../errors.js";
import type { ErrorCode } from "../errors.js";
import { statIfThere } from "../host/files.js";
import { isLocked } from "../host/lock.js";
import { sendRequest } from "./control-client.js";
import { STOP_REQUEST } from "./control-messages.js";
import type { NamedRun } from "./find-run.js";
import { killRun } from "./overdue.js";
import { isInProgress } from "./records.js";
import { outcomeOfKilled, readRecord } from "./workspace.js";
import type { RunRecord } from "./workspace.js";

/** Interval of the looks at a run's record. Milliseconds. */
const POLL_MS = 200;
/** Number of looks between two looks at the build's lock, which needs a process each time. */
const LOOKS_PER_LOCK = 25;
/** Time in which a run that has recorded its end gives up the build's lock. Milliseconds. */
const UNLOCK_MS = 5000;

/** Returns whether a process of this number exists. */
function exists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return systemCode(error) !== "ESRCH";
  }
}

/** Returns whether a process holds the build's lock. Creates no lock. */
async function isHeld({ build }: NamedRun): Promise<boolean> {
  return (await statIfThere(build.lock)) !== undefined && (await isLocked(build.lock));
}

/** Returns a killed run's record as `list` shows it. */
function killed(record: RunRecord): RunRecord {
  return { ...record, state: "interrupted", outcome: outcomeOfKilled(record) };
}

/** Looks at a run repeatedly, at little cost. */
export class RunWatch {
  readonly #run: NamedRun;
  #looks = 0;

  constructor(run: NamedRun) {
    this.#run = run;
  }

  /** Returns the record of the run when it has ended, even if it was killed; undefined before. */
  async look(): Promise<RunRecord | undefined> {
    const read = (): Promise<RunRecord | undefined> => readRecord(this.#run.paths.record);
    const record = await read();
    // The build was destroyed, or the run pruned.
    if (!record) return killed(this.#run.record);
    if (!isInProgress(record)) return record;
    // A process of another container is not visible, and a number can be used again: the lock decides.
    const isDue = this.#looks++ % LOOKS_PER_LOCK === 0;
    if ((!isDue && exists(record.pid)) || (await isHeld(this.#run))) return undefined;
    // The run may have ended between the two looks.
    const last = (await read()) ?? record;
    return isInProgress(last) ? killed(last) : last;
  }
}

/**
 * Waits until a run has ended and another run of its build can begin.
 * @returns the record of the run.
 * @throws the signal's reason.
 */
export async function waitForRun(run: NamedRun, signal: AbortSignal): Promise<RunRecord> {
  const watch = new RunWatch(run);
  let record = await watch.look();
  // A run that had ended before has given up its lock long ago.
  let until = record ? 0 : Infinity;
  while (!record) {
    await delay(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
    record = await watch.look();
  }
  until = Math.min(until, performance.now() + UNLOCK_MS);
  while (performance.now() < until && (await isHeld(run))) {
    await delay(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
  return record;
}

/** Returns the exit code of a run that has ended: that of `vmbuild run`. */
export function exitCodeOf({
  state,
  outcome = "",
}: {
  readonly state: string;
  readonly outcome?: string | undefined;
}): number {
  if (state === "done") return 0;
  const code = Object.hasOwn(ERRORS, outcome) ? (outcome as ErrorCode) : "RUN_KILLED";
  return ERRORS[code].exit;
}

/**
 * Asks a run to end, as SIGTERM does, and returns once it has been asked. A run that has not opened
 * its control socket yet is asked as soon as it has.
 * @throws the signal's reason.
 */
async function askToStop(run: NamedRun, signal: AbortSignal): Promise<void> {
  const watch = new RunWatch(run);
  while ((await watch.look()) === undefined) {
    const control = (await readRecord(run.paths.record))?.control;
    if (control !== undefined && (await wasAsked(control, signal))) return;
    await delay(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}

async function wasAsked(control: string, signal: AbortSignal): Promise<boolean> {
  try {
    await sendRequest(control, STOP_REQUEST, signal);
    return true;
  } catch (error) {
    signal.throwIfAborted();
    // The run is about to end, or to open its socket.
    if (error instanceof VmbuildError && error.code === "BUILD_UNKNOWN") return false;
    throw error;
  }
}

/** Options of {@link stopRun}. */
export interface StopOptions {
  /** Time in which the run is to end by itself. Milliseconds. */
  readonly timeoutMs: number;
  /** Kills a run that has not ended in that time. */
  readonly force: boolean;
  readonly signal: AbortSignal;
}

/**
 * Ends a run and waits for its end. A run that has ended is left as it is.
 * @returns the record of the run.
 * @throws {VmbuildError} RUN_IN_PROGRESS when it has not ended in time; the signal's reason.
 */
export async function stopRun(run: NamedRun, options: StopOptions): Promise<RunRecord> {
  const { timeoutMs, force, signal } = options;
  const late = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, late]);
  try {
    await askToStop(run, either);
    return await waitForRun(run, either);
  } catch (error) {
    signal.throwIfAborted();
    if (!late.aborted) throw error;
  }
  const { runId, name } = run.record;
  if (!force || !(await killRun(run.build, run.record))) {
    throw new VmbuildError("RUN_IN_PROGRESS", `The run ${runId} of ${name} has not ended yet`, {
      hint: `It was asked to end. To kill it, run vmbuild stop ${name} --force.`,
    });
  }
  return waitForRun(run, signal);
}
