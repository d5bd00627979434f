/** Implements `vmbuild attach`: shows the progress of a run of another process. */
import { holdLease, sendRelease } from "../builds/control-client.js";
import { findNamedRun } from "../builds/find-run.js";
import type { NamedRun } from "../builds/find-run.js";
import { isInProgress } from "../builds/records.js";
import { RunWatch, exitCodeOf, waitForRun } from "../builds/run-end.js";
import { readRecord } from "../builds/workspace.js";
import { ERRORS, VmbuildError } from "../errors.js";
import { readResult } from "../events/result.js";
import { createSummary } from "../events/sinks/summary.js";
import type { Summary } from "../events/sinks/summary.js";
import { EVENT_VERSION } from "../events/types.js";
import type { EventBody, RunEvent, Sink } from "../events/types.js";
import { DETACHED, detachable } from "./detach-keys.js";
import { readLines } from "./follow.js";
import { OpenWork } from "./open-work.js";
import type { OutputFlags } from "./options.js";
import { createOutput } from "./output.js";
import type { Output } from "./output.js";
import { parseEvent } from "./parse-event.js";

/** Flags of the command. */
export interface AttachFlags extends OutputFlags {
  /** Where the view begins; `start` unless given. */
  readonly from?: "start" | "now";
  readonly hold?: boolean;
}

/** What a view writes to. */
interface Display {
  readonly live: Sink;
  /** Gets all events, also those that the view leaves out. */
  readonly summary: Summary;
}

/** View of a run's events. */
class RunView {
  readonly #run: NamedRun;
  readonly #display: Display;
  /** Set as long as earlier events are left out. */
  #skipped: OpenWork | undefined;
  /** Last event of the run, once it has been read. */
  end: Extract<RunEvent, { type: "run.finished" | "run.failed" }> | undefined;
  isPaused = false;

  constructor(run: NamedRun, display: Display, from: AttachFlags["from"]) {
    this.#run = run;
    this.#display = display;
    this.#skipped = from === "now" ? new OpenWork() : undefined;
  }

  /** Takes a line of the run's event log. */
  take(line: string): void {
    const event = parseEvent(line);
    if (!event) return;
    this.#display.summary.handle(event);
    if (event.type === "run.finished" || event.type === "run.failed") this.end = event;
    if (event.type === "paused" || event.type === "resumed") {
      this.isPaused = event.type === "paused";
    }
    if (this.#skipped && !this.end) this.#skipped.take(event);
    else this.#display.live.handle(event);
  }

  /** Shows the present state, and each event from now on. */
  catchUp(): void {
    const events = this.#skipped?.events ?? [];
    this.#skipped = undefined;
    for (const event of events) this.#display.live.handle(event);
  }

  /** Shows a message that is not part of the run's log. */
  say(body: EventBody): void {
    const time = new Date().toISOString();
    const { name } = this.#run.record;
    this.#display.live.handle({ v: EVENT_VERSION, time, build: name, ...body });
  }
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

/** Resumes a run that is paused, as Enter does in the terminal of a run. */
async function release(run: NamedRun, view: RunView): Promise<void> {
  const control = (await readRecord(run.paths.record))?.control;
  if (!view.isPaused || control === undefined) return;
  await sendRelease(control).catch((error: unknown) => {
    view.say({ type: "note", message: error instanceof Error ? error.message : String(error) });
  });
}

/** Returns the error of a run that ended without an event of its end. */
function killedError({ record }: NamedRun, outcome: string | undefined): VmbuildError {
  const code = outcome === "LEASE_EXPIRED" ? outcome : "RUN_KILLED";
  const message = `The process of the run ${record.runId} of ${record.name} was killed`;
  return new VmbuildError(code, message, {
    hint: ERRORS.RUN_KILLED.remedy.replaceAll("NAME", record.name),
  });
}

/** Ends the display, and prints what `vmbuild run` prints at the end. */
async function close({ live, summary }: Display, view: RunView, output: Output): Promise<void> {
  await live.close();
  if (!view.end) return;
  output.log(summary.render({ color: output.color, columns: output.columns }));
  if (view.end.type !== "run.finished") return;
  const { artifact, otherArtifacts } = readResult(view.end.result);
  for (const { path } of [artifact, ...otherArtifacts]) if (path !== undefined) output.print(path);
}

async function show(run: NamedRun, flags: AttachFlags, output: Output): Promise<number> {
  const display: Display = { live: await output.createSink(), summary: createSummary() };
  const view = new RunView(run, display, flags.from);
  const say = (message: string): void => {
    if (output.format !== "json") view.say({ type: "note", message });
  };
  const keys = {
    onFirst: () => say("The run goes on. Ctrl-C again, or d, leaves this view."),
    onEnter: () => void release(run, view),
  };
  if (output.format === "terminal" && isInProgress(run.record)) {
    say("d, or Ctrl-C twice, leaves this view; the run goes on.");
  }
  try {
    await detachable(keys, (signal) => follow(run, view, signal));
  } catch (error) {
    await close(display, view, output);
    if (error !== DETACHED) throw error;
    const { name } = run.record;
    output.log(`Detached. The run goes on: vmbuild attach ${name}, vmbuild stop ${name}.`);
    return 0;
  }
  await close(display, view, output);
  if (view.end) return view.end.type === "run.failed" ? view.end.error.exit : 0;
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
