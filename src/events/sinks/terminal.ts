/** Renders the live view on a terminal: finished work stays, current work is redrawn in place. */
import type { RunEvent, Sink } from "../types.js";
import { drawRun } from "./frame.js";
import type { Layout } from "./frame.js";
import { permanentLines } from "./permanent.js";
import { Screen } from "./screen.js";
import type { TerminalStream } from "./screen.js";
import { createMarks, createStyle } from "./style.js";
import { applyEvent, createLiveRun } from "./view.js";
import type { LiveRun } from "./view.js";

/** Options of the live view. */
export interface TerminalSinkOptions {
  readonly stream: TerminalStream;
  readonly color: boolean;
  /** Set to false for terminals that cannot display ✓ and similar characters; true by default. */
  readonly unicode?: boolean;
  /** Names the build on each line, for several builds at once. */
  readonly showBuild?: boolean;
  /** Width for streams that do not know their own. */
  readonly columns?: number;
  /** Clock in milliseconds since the epoch. */
  readonly now?: () => number;
}

/** Events of which a run may have millions. */
const QUIET_EVENTS: ReadonlySet<RunEvent["type"]> = new Set(["output", "output.state", "progress"]);

/** Redraw interval: often enough to look alive, and cheap enough. */
const REDRAW_MS = 100;

/**
 * Renders the runs whose events it receives. The cursor is shown again however the process ends.
 */
export function createTerminalSink(options: TerminalSinkOptions): Sink {
  const { stream, now = Date.now } = options;
  const style = createStyle(options.color);
  const marks = createMarks(options.unicode ?? true);
  const screen = new Screen(stream, options.columns ?? 80);
  const runs = new Map<string, LiveRun>();
  let tick = 0;
  let closed = false;

  const layoutOf = (build: string): Layout => ({
    style,
    marks,
    // The last column stays empty, because some terminals wrap as soon as it is filled.
    columns: screen.columns - 1,
    build: options.showBuild ? build : "",
  });
  const draw = (): void => {
    const all = [...runs];
    if (all.some(([, run]) => run.paused)) return screen.clear();
    screen.draw(all.flatMap(([build, run]) => drawRun(run, layoutOf(build), now(), tick)));
  };
  const onResize = (): void => {
    screen.eraseReflowed();
    draw();
  };
  const timer = setInterval(() => {
    tick++;
    draw();
  }, REDRAW_MS).unref();
  stream.on("resize", onResize);

  const take = (event: RunEvent): void => {
    let run = runs.get(event.build);
    if (!run) runs.set(event.build, (run = createLiveRun(Date.parse(event.time))));
    // A step may print a million lines; these events only take effect at the next redraw.
    const quiet = QUIET_EVENTS.has(event.type);
    const lines = quiet ? [] : permanentLines(event, run, layoutOf(event.build));
    applyEvent(run, event);
    if (lines.length > 0) {
      screen.print(lines);
      draw();
    }
  };

  return {
    handle(event) {
      if (!closed) take(event);
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(timer);
      stream.off("resize", onResize);
      screen.close();
    },
  };
}
