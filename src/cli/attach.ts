/** Implements `vmbuild attach`: shows the progress of a run of another process. */
import { holdLease, sendRelease } from "../builds/control-client.js";
import { findNamedRun } from "../builds/find-run.js";
import type { NamedRun } from "../builds/find-run.js";
import { isInProgress } from "../builds/records.js";
import { RunWatch, exitCodeOf, waitForRun } from "../builds/run-end.js";
import { readRecord } from "../builds/workspace.js";
import { ERRORS, VmbuildError } from "../errors.js";
import { readResult } from "../events/result.js";
import { readLines } from "../host/follow.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { showRun } from "./run-view.js";
import type { RunView, ViewedRun } from "./run-view.js";

/** Flags of the command. */
export interface AttachFlags extends OutputFlags {
  /** Where the view begins; `start` unless given. */
  readonly from?: "start" | "now";
  readonly hold?: boolean;
}

/** Shows the events of the run until its end. */
async function follow(run: NamedRun, view: RunView, signal: AbortSignal): Promise<void> {
  const watch = new RunWatch(run);
  const isComplete = async (): Promise<boolean> => {
    view.catchUp();
    return view.end !== undefined || (await watch.look()) !== undefined;
  };
  const take = (line: string): void => view.take(line);
  try {
    await readLines(run.paths.events, take, { signal, isComplete });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/** Returns a run of this host as the view takes it. */
function viewed(run: NamedRun): ViewedRun {
  const { name } = run.record;
  return {
    name,
    isInProgress: isInProgress(run.record),
    reference: name,
    follow: (view, signal) => follow(run, view, signal),
    async release() {
      const control = (await readRecord(run.paths.record))?.control;
      if (control !== undefined) await sendRelease(control);
    },
  };
}

/** Returns the error of a run that ended without an event of its end. */
function killedError({ record }: NamedRun, outcome: string | undefined): VmbuildError {
  const code = outcome === "LEASE_EXPIRED" ? outcome : "RUN_KILLED";
  const message = `The process of the run ${record.runId} of ${record.name} was killed`;
  return new VmbuildError(code, message, {
    hint: ERRORS.RUN_KILLED.remedy.replaceAll("NAME", record.name),
  });
}

async function show(run: NamedRun, flags: AttachFlags, output: Output): Promise<number> {
  const end = await showRun(viewed(run), flags.from, output);
  if (end === "left") return 0;
  if (end) {
    if (end.type === "run.failed") return end.error.exit;
    const { artifact, otherArtifacts } = readResult(end.result);
    for (const { path } of [artifact, ...otherArtifacts]) {
      if (path !== undefined) output.print(path);
    }
    return 0;
  }
  const record = await waitForRun(run, new AbortController().signal);
  // The log of a run whose disk was full may lack its end.
  if (record.state !== "interrupted") return exitCodeOf(record);
  throw killedError(run, record.outcome);
}

/**
 * Runs the command; returns the exit code of the run, or 0 when the user left the view.
 * @param text the run or its build; the only run in progress by default.
 */
export async function attach(text: string | undefined, flags: AttachFlags): Promise<number> {
  const run = await findNamedRun(text);
  const output = createOutput(flags);
  using _held = flags.hold ? await hold(run) : undefined;
  // Awaited here, since the lease is held until the function ends.
  return await show(run, flags, output);
}

/** Becomes a holder of the run's lease as soon as the run accepts connections. */
async function hold(run: NamedRun): Promise<Disposable | undefined> {
  const watch = new RunWatch(run);
  while ((await watch.look()) === undefined) {
    const control = (await readRecord(run.paths.record))?.control;
    if (control !== undefined) return holdLease(control);
    await new Promise((resolve) => setTimeout(resolve, HOLD_RETRY_MS));
  }
  return undefined;
}

/** Interval at which a run that has just begun is looked at. Milliseconds. */
const HOLD_RETRY_MS = 100;
