/** Writes plain lines for CI logs and pipes: every line has a time, and nothing is redrawn. */
import { describeStage } from "./stages.js";
import type { Writable } from "node:stream";
import { formatBytes, formatDuration } from "../../host/format.js";
import type { RunEvent, Sink } from "../types.js";
import { formatClock } from "./clock.js";
import { TaskProgress, isTaskEnd } from "./progress.js";
import type { ProgressEvent } from "./progress.js";
import { describeDelivery } from "./delivery.js";
import { describeSkip } from "./skipped.js";
import { createStyle } from "./style.js";
import type { Style } from "./style.js";
import { cleanText } from "./text.js";
import { LineWriter } from "./writer.js";

/** Options of the plain sink. */
export interface PlainSinkOptions {
  readonly stream: Writable;
  /** False by default. */
  readonly color?: boolean;
  /** Begins each line with the build's name, for several builds on one stream. */
  readonly showBuild?: boolean;
}

/** Progress is reported at each tenth, but at most once per this interval. */
const PROGRESS_EVERY_MS = 1000;
/** Interval of progress reports without a known total. */
const UNBOUNDED_PROGRESS_EVERY_MS = 30_000;

/** Writes events as plain lines that begin with the time since the start. */
export function createPlainSink(options: PlainSinkOptions): Sink {
  const style = createStyle(options.color ?? false);
  const progress = new ProgressLines();
  const starts = new Map<string, number>();
  let stamp = "";
  let clock = { time: "", text: "" };
  const writer = new LineWriter(
    options.stream,
    (leftOut) => `${stamp}  (${leftOut} lines of output omitted: the reader was too slow)`,
  );

  const stampOf = (event: RunEvent): string => {
    // Thousands of lines share a millisecond, so the parsed time is cached.
    const key = event.time + event.build;
    if (clock.time === key) return clock.text;
    const time = Date.parse(event.time);
    const start = starts.get(event.build) ?? time;
    starts.set(event.build, start);
    const build = options.showBuild ? `${style.cyan(cleanText(event.build))} ` : "";
    clock = { time: key, text: `${style.dim(formatClock(time - start))}  ${build}` };
    return clock.text;
  };

  return {
    handle(event) {
      stamp = stampOf(event);
      if (event.type === "output") {
        writer.write(`${stamp}${outputLine(event, style)}`, true);
        return;
      }
      const lines =
        event.type === "progress"
          ? progress.take(event, event.build, Date.parse(event.time))
          : linesOf(event, style);
      for (const line of lines) writer.write(stamp + line);
    },
    close: () => writer.close(),
  };
}

function outputLine(event: Extract<RunEvent, { type: "output" }>, style: Style): string {
  const source = event.source === "guest" ? "" : `${cleanText(event.source)} `;
  return `  ${style.dim(`${source}|`)} ${cleanText(event.line)}`;
}

/** Returns the lines for an event, without control characters and without the time. */
export function linesOf(event: RunEvent, style: Style): string[] {
  switch (event.type) {
    case "run.started":
      return [
        `${style.bold(cleanText(`${event.name} ${event.version}`))}, run ${cleanText(event.runId)}`,
        `  ${cleanText(event.runFolder)}`,
      ];
    case "run.finished":
      return [style.green(`done ${took(event.durationMs)}`)];
    case "run.failed":
      return [style.red(`failed ${took(event.durationMs)}: ${cleanText(event.error.message)}`)];
    case "phase.started":
      return [`${event.phase}${detailOf(event.detail)}`];
    case "phase.finished":
      return [`${event.phase} done ${took(event.durationMs)}${detailOf(event.detail)}`];
    case "step.started":
      return [style.bold(stepTitle(event))];
    case "step.finished":
      return [`${stepTitle(event)} done ${took(event.durationMs)}${detailOf(event.detail)}`];
    case "step.failed":
      return [style.red(`${stepTitle(event)} failed ${took(event.durationMs)}`)];
    case "step.kept":
      return [`${stepTitle(event)} cached`];
    case "step.skipped":
      return [
        `${stepTitle(event)} skipped ${took(event.durationMs)}: ${describeSkip(event.reason)}`,
      ];
    case "checkpoint.saved": {
      const { memoryBytes, diskBytes } = event;
      const sizes = `${formatBytes(memoryBytes)} memory, ${formatBytes(diskBytes)} disk`;
      return [`  checkpoint ${took(event.durationMs)}: ${sizes}`];
    }
    case "checkpoint.removed": {
      const names = event.steps.map(cleanText).join(", ");
      return [`  old checkpoints removed (${formatBytes(event.bytes)}): ${names}`];
    }
    case "checkpoint.failed":
      return [`  machine saved as it failed ${took(event.durationMs)}`];
    case "step.retried":
      return [
        style.yellow(
          `step ${cleanText(event.step)}: attempt ${event.attempt} of ${event.of}: ${cleanText(event.reason)}`,
        ),
      ];
    case "action.started":
      return [`  > ${cleanText(event.summary)}`];
    case "verify.finished":
      return [
        event.ok
          ? `  verified: ${cleanText(event.command)}`
          : style.red(`  verify failed: ${cleanText(event.command)}`),
      ];
    case "machine.started":
      return [`  QEMU ${event.accelerator}, process ${event.pid}, SSH port ${event.sshPort}`];
    case "machine.stopped":
      return [`  machine stopped with ${event.method} ${took(event.durationMs)}`];
    case "guest.stage":
      return [`  guest: ${describeStage(event.stage)}`];
    case "guest.ready":
      return [`  guest answers ${took(event.durationMs)}`];
    case "paused":
      return [
        style.yellow(`paused: ${cleanText(event.reason)}`),
        ...event.release.split("\n").map((line) => `  ${cleanText(line)}`),
      ];
    case "resumed":
      return ["resumed"];
    case "sink.finished":
      return describeDelivery(event).map(style.yellow);
    case "warning":
      return [
        style.yellow(`warning: ${cleanText(event.message)}`),
        ...(event.hint === undefined ? [] : [`  hint: ${cleanText(event.hint)}`]),
      ];
    case "note":
      return [cleanText(event.message)];
    // The report of the checks is a result, which goes to stdout.
    case "check.finished":
    case "action.finished":
    case "output":
    case "output.state":
    case "progress":
      return [];
  }
}

function took(milliseconds: number): string {
  return `(${formatDuration(milliseconds)})`;
}

function stepTitle(event: { step: string; index: number; total: number }): string {
  return `step [${event.index}/${event.total}] ${cleanText(event.step)}`;
}

function detailOf(detail: string | undefined): string {
  return detail === undefined || detail === "" ? "" : `: ${cleanText(detail)}`;
}

/** Selects the progress events that are worth a line. */
class ProgressLines {
  readonly #tasks = new Map<string, { task: TaskProgress; tenth: number; reportedAt: number }>();

  take(event: ProgressEvent, build: string, time: number): string[] {
    const key = `${build}\n${event.task}`;
    let state = this.#tasks.get(key);
    if (!state) {
      const task = new TaskProgress(event, time);
      state = { task, tenth: Math.floor((task.fraction ?? 0) * 10), reportedAt: time };
      this.#tasks.set(key, state);
    }
    state.task.update(event, time);
    const { task } = state;
    const tenth = Math.floor((task.fraction ?? 0) * 10);
    const ended = isTaskEnd(event);
    const pause = event.total === null ? UNBOUNDED_PROGRESS_EVERY_MS : PROGRESS_EVERY_MS;
    const further = event.total === null || tenth > state.tenth;
    if (ended) this.#tasks.delete(key);
    else if (!further || time - state.reportedAt < pause) return [];
    Object.assign(state, { tenth, reportedAt: time });
    const percent = task.fraction === null ? "" : ` ${Math.floor(task.fraction * 100)}%`;
    const more = [task.amount, task.speed(time), task.timeLeft(time)].filter((part) => part !== "");
    const list = more.length === 0 ? "" : ` (${more.join(", ")})`;
    return [`  ${cleanText(event.label)}${percent}${list}`];
  }
}
