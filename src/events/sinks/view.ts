/** Maintains the current state of a run, which the live terminal renders. */
import { describeStage } from "./stages.js";
import { Tail } from "../../host/lines.js";
import type { Phase, RunEvent } from "../types.js";
import { TaskProgress, isTaskEnd } from "./progress.js";

/** Step in progress. */
export interface LiveStep {
  readonly name: string;
  readonly index: number;
  readonly total: number;
  readonly startedAt: number;
  /** Summary of the action, or the last command that was verified. */
  activity: string;
}

/** State of a run in progress. Times are milliseconds since the epoch. */
export interface LiveRun {
  startedAt: number;
  readonly phases: Map<Phase, { readonly startedAt: number; detail: string }>;
  readonly tasks: Map<string, TaskProgress>;
  step: LiveStep | undefined;
  /** Last line of output. */
  lastLine: string;
  /** Last lines of the step, or of the program that runs outside of steps. */
  tail: Tail;
  paused: boolean;
}

/** Number of last lines that a failure shows. */
const TAIL_LINES = 12;

/** Creates the state of a run before its first event. */
export function createLiveRun(time: number): LiveRun {
  return {
    startedAt: time,
    phases: new Map(),
    tasks: new Map(),
    step: undefined,
    lastLine: "",
    tail: new Tail(TAIL_LINES),
    paused: false,
  };
}

/** Updates the state with one event. */
export function applyEvent(run: LiveRun, event: RunEvent): void {
  switch (event.type) {
    case "output":
      run.lastLine = event.line;
      run.tail.push(event.line);
      break;
    case "output.state":
      run.lastLine = event.line;
      break;
    case "run.started":
      run.startedAt = Date.parse(event.time);
      break;
    case "phase.started":
      if (run.phases.size === 0) forgetOutput(run);
      run.phases.set(event.phase, {
        startedAt: Date.parse(event.time),
        detail: event.detail ?? "",
      });
      break;
    case "phase.finished":
      run.phases.delete(event.phase);
      if (run.phases.size === 0) endActivity(run);
      break;
    case "step.started":
      endActivity(run);
      run.step = {
        name: event.step,
        index: event.index,
        total: event.total,
        startedAt: Date.parse(event.time),
        activity: "",
      };
      break;
    case "step.finished":
    case "step.skipped":
      run.step = undefined;
      endActivity(run);
      break;
    case "step.failed":
      // The last lines are kept, because a failure shows them.
      run.step = undefined;
      run.tasks.clear();
      run.lastLine = "";
      break;
    case "action.started":
      if (run.step) run.step.activity = event.summary;
      break;
    case "verify.finished":
      if (run.step) run.step.activity = `verified: ${event.command}`;
      break;
    case "guest.stage": {
      const connect = run.phases.get("connect");
      if (connect) connect.detail = describeStage(event.stage);
      break;
    }
    case "progress":
      applyProgress(run, event);
      break;
    case "paused":
      run.paused = true;
      break;
    case "resumed":
      run.paused = false;
      break;
    case "run.finished":
    case "run.failed":
      run.phases.clear();
      run.step = undefined;
      endActivity(run);
      break;
    default:
      break;
  }
}

function applyProgress(run: LiveRun, event: Extract<RunEvent, { type: "progress" }>): void {
  const time = Date.parse(event.time);
  const task = run.tasks.get(event.task);
  if (isTaskEnd(event)) run.tasks.delete(event.task);
  else if (task) task.update(event, time);
  else run.tasks.set(event.task, new TaskProgress(event, time));
}

function endActivity(run: LiveRun): void {
  run.tasks.clear();
  forgetOutput(run);
}

function forgetOutput(run: LiveRun): void {
  run.lastLine = "";
  run.tail = new Tail(TAIL_LINES);
}
