/**
 * Defines the events of a run. Rooms emit them; only sinks print. In NDJSON, each object also has
 * `v`, `time` and `build` (see {@link RunEvent}).
 */
import type { ErrorCode } from "../errors.js";

/** Version of the event format. It changes when the meaning of a field changes. */
export const EVENT_VERSION = 1;

/** Phases of a run in their usual order; some run at the same time. */
export const PHASES = [
  "host",
  "inputs",
  "base",
  "install",
  "seed",
  "disk",
  "resume",
  "boot",
  "connect",
  "patches",
  "seal",
  "shutdown",
  "post",
  "compact",
  "digest",
  "describe",
  "after",
] as const;

/** Phase of a run. */
export type Phase = (typeof PHASES)[number];

/** Methods to stop a machine, from the most graceful to the most forceful. */
export const STOP_METHODS = ["ssh", "acpi", "quit", "kill"] as const;

/** Method that stopped a machine. */
export type StopMethod = (typeof STOP_METHODS)[number];

/** What showed that the actions of a step were not needed. */
export type SkipReason = "skipIf" | "verify";

/** Error as it appears in events and in `--json`. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly exit: number;
  readonly message: string;
  readonly hint: string;
  readonly lines: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;
}

/** Event without the common fields. Durations are milliseconds, sizes bytes. */
export type EventBody =
  | { type: "run.started"; name: string; version: string; runId: string; runFolder: string }
  | { type: "run.finished"; durationMs: number; ownMs: number; result: unknown }
  | { type: "run.failed"; durationMs: number; error: ErrorReport }
  | { type: "phase.started"; phase: Phase; detail?: string }
  | { type: "phase.finished"; phase: Phase; durationMs: number; detail?: string }
  | {
      /**
       * Progress of a task whose total may be unknown. `task` is a stable name; `done === total`
       * ends it.
       */
      type: "progress";
      task: string;
      label: string;
      done: number;
      total: number | null;
      unit: "bytes" | "percent";
    }
  | { type: "step.started"; step: string; index: number; total: number }
  | {
      /** `detail` is what its actions report in a few words, such as counts. */
      type: "step.finished";
      step: string;
      index: number;
      total: number;
      durationMs: number;
      detail?: string;
    }
  | { type: "step.failed"; step: string; index: number; total: number; durationMs: number }
  | {
      type: "step.kept";
      step: string;
      index: number;
      total: number;
    }
  | {
      /** The step's actions were not needed: its `skipIf` succeeded, or all its checks did. */
      type: "step.skipped";
      step: string;
      index: number;
      total: number;
      durationMs: number;
      reason: SkipReason;
    }
  | { type: "step.retried"; step: string; attempt: number; of: number; reason: string }
  | { type: "action.started"; step: string; action: string; index: number; summary: string }
  | {
      type: "action.finished";
      step: string;
      action: string;
      index: number;
      durationMs: number;
      detail?: string;
    }
  | { type: "verify.finished"; step: string; command: string; ok: boolean; durationMs: number }
  | {
      type: "check.finished";
      check: string;
      round?: string;
      ok: boolean;
      durationMs: number;
      reason?: string;
    }
  | {
      /** Line of output. `source` names the program: `guest`, `local`, `mmdebstrap`, … */
      type: "output";
      source: string;
      stream: "stdout" | "stderr";
      line: string;
      step?: string;
    }
  | {
      /**
       * State of a line of output that the program overwrites, such as a progress bar; the line
       * follows as `output`. For live displays: neither logs nor NDJSON contain it.
       */
      type: "output.state";
      source: string;
      stream: "stdout" | "stderr";
      line: string;
      step?: string;
    }
  | { type: "machine.started"; pid: number; sshPort: number; accelerator: string }
  | { type: "machine.stopped"; method: StopMethod; durationMs: number }
  | { type: "guest.stage"; stage: string; attempt: number }
  | { type: "guest.ready"; durationMs: number; attempts: number }
  | {
      /** Checkpoint after a step; `index` 0 is the one before the first step. */
      type: "checkpoint.saved";
      step: string;
      index: number;
      durationMs: number;
      memoryBytes: number;
      diskBytes: number;
    }
  | { type: "checkpoint.removed"; steps: readonly string[]; bytes: number }
  | { type: "checkpoint.failed"; step: string; durationMs: number; memoryBytes: number }
  | { type: "paused"; reason: string; release: string }
  | { type: "resumed" }
  | {
      /**
       * Delivery of the run's events to a sink has ended. `waiting` counts the events that are kept
       * for the next run, `lost` those that were given up; `reason` is the last problem.
       */
      type: "sink.finished";
      sink: string;
      kind: string;
      delivered: number;
      waiting: number;
      lost: number;
      reason?: string;
    }
  | { type: "warning"; message: string; hint?: string }
  | { type: "note"; message: string };

/** Event as sinks receive it. */
export type RunEvent = EventBody & {
  readonly v: typeof EVENT_VERSION;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  /** Name of the build; empty outside a build. */
  readonly build: string;
};

/** Emits an event. It is the only channel through which rooms report anything. */
export type Emit = (event: EventBody) => void;

/** Displays or stores events. A sink never throws. */
export interface Sink {
  handle(event: RunEvent): void;
  /** Flushes and releases the terminal or the file. Idempotent. */
  close(): void | Promise<void>;
}
