/** Shows the events of a run of another process, on this host or on another one. */
import { createSummary } from "../events/sinks/summary.js";
import type { Summary } from "../events/sinks/summary.js";
import { EVENT_VERSION } from "../events/types.js";
import type { EventBody, RunEvent, Sink } from "../events/types.js";
import { describeRelease } from "../run/pause.js";
import { DETACHED, detachable } from "./detach-keys.js";
import { OpenWork } from "./open-work.js";
import type { Output } from "./output.js";
import { parseEvent } from "./parse-event.js";

/** Run whose events are shown. */
export interface ViewedRun {
  /** Name of the build. */
  readonly name: string;
  readonly isInProgress: boolean;
  /** Words that name the run to other commands: `demo`, `demo --on builder`. */
  readonly reference: string;
  /**
   * Calls back for each line of the run's log until the run has ended.
   * @throws the signal's reason.
   */
  follow(view: RunView, signal: AbortSignal): Promise<void>;
  /** Resumes the run, which is paused. */
  release(): Promise<void>;
}

/** What a view writes to. */
interface Display {
  readonly live: Sink;
  /** Gets all events, also those that the view leaves out. */
  readonly summary: Summary;
}

/** Last event of a run. */
export type RunEnd = Extract<RunEvent, { type: "run.finished" | "run.failed" }>;

/** How the viewer of a run acts on it. */
interface Viewer extends Pick<ViewedRun, "name" | "reference"> {
  /** Whether Enter in the viewer's terminal resumes the run. */
  readonly takesEnter: boolean;
}

/** View of a run's events. */
export class RunView {
  readonly #viewer: Viewer;
  readonly #display: Display;
  /** Set as long as earlier events are left out. */
  #skipped: OpenWork | undefined;
  /** Last event of the run, once it has been read. */
  end: RunEnd | undefined;
  isPaused = false;

  constructor(viewer: Viewer, display: Display, from: "start" | "now" | undefined) {
    this.#viewer = viewer;
    this.#display = display;
    this.#skipped = from === "now" ? new OpenWork() : undefined;
  }

  /** Takes a line of the run's event log. */
  take(line: string): void {
    const logged = parseEvent(line);
    if (!logged) return;
    const event = this.#asSeenHere(logged);
    this.#display.summary.handle(event);
    if (event.type === "run.finished" || event.type === "run.failed") this.end = event;
    if (event.type === "paused" || event.type === "resumed") {
      this.isPaused = event.type === "paused";
    }
    if (this.#skipped && !this.end) this.#skipped.take(event);
    else this.#display.live.handle(event);
  }

  /** Says at a pause how this host and this terminal reach the run, not those of the run itself. */
  #asSeenHere(event: RunEvent): RunEvent {
    if (event.type !== "paused") return event;
    const { reference, takesEnter } = this.#viewer;
    return { ...event, release: describeRelease(reference, takesEnter) };
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
    this.#display.live.handle({ v: EVENT_VERSION, time, build: this.#viewer.name, ...body });
  }
}

/** Resumes a run that is paused, as Enter does in the terminal of a run. */
async function release(run: ViewedRun, view: RunView): Promise<void> {
  if (!view.isPaused) return;
  await run.release().catch((error: unknown) => {
    view.say({ type: "note", message: error instanceof Error ? error.message : String(error) });
  });
}

/** Ends the display, and prints the summary that `vmbuild run` prints at the end. */
async function close({ live, summary }: Display, view: RunView, output: Output): Promise<void> {
  await live.close();
  if (view.end) output.log(summary.render({ color: output.color, columns: output.columns }));
}

/**
 * Shows a run until it has ended, or the user leaves the view.
 * @returns its last event, undefined where its log has none; `left` when the user left the view.
 */
export async function showRun(
  run: ViewedRun,
  from: "start" | "now" | undefined,
  output: Output,
): Promise<RunEnd | "left" | undefined> {
  const display: Display = { live: await output.createSink(), summary: createSummary() };
  const { name, reference } = run;
  const takesEnter = process.stdin.isTTY && run.isInProgress;
  const view = new RunView({ name, reference, takesEnter }, display, from);
  const say = (message: string): void => {
    if (output.format !== "json") view.say({ type: "note", message });
  };
  const keys = {
    onFirst: () => say("The run goes on. Ctrl-C again, or d, leaves this view."),
    onEnter: () => void release(run, view),
  };
  if (output.format === "terminal" && run.isInProgress) {
    say("d, or Ctrl-C twice, leaves this view; the run goes on.");
  }
  try {
    await detachable(keys, (signal) => run.follow(view, signal));
  } catch (error) {
    await close(display, view, output);
    if (error !== DETACHED) throw error;
    output.log(
      `Detached. The run goes on: vmbuild attach ${reference}, vmbuild stop ${reference}.`,
    );
    return "left";
  }
  await close(display, view, output);
  return view.end;
}
