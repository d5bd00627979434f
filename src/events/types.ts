/**
 * Events of a run. Rooms emit them; only sinks print.
 * Written as NDJSON, each object also has `v`, `time` and `build` (see {@link RunEvent}).
 */
import type { ErrorCode } from "../errors.js";

/** The version of the event format; it changes when a field changes its meaning. */
export const EVENT_VERSION = 1;

/** The phases of a run, in their usual order; some run at the same time. */
export const PHASES = [
  "host",
  "inputs",
  "base",
  "seed",
  "disk",
  "resume",
  "boot",
  "connect",
  "seal",
  "shutdown",
  "compact",
  "digest",
  "describe",
] as const;

/** A phase of a run. */
export type Phase = (typeof PHASES)[number];

/** Ways to stop a machine, from the gentlest to the hardest. */
export const STOP_METHODS = ["ssh", "acpi", "quit", "kill"] as const;

/** The way that stopped a machine. */
export type StopMethod = (typeof STOP_METHODS)[number];

/** An error as it appears in events and in `--json`. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly exit: number;
  readonly message: string;
  readonly hint: string;
  readonly lines: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;
}

/** One event. Durations are milliseconds, sizes bytes. */
export type EventBody =
  | { type: "run.started"; name: string; version: string; runId: string; runFolder: string }
  | { type: "run.finished"; durationMs: number; ownMs: number; result: unknown }
  | { type: "run.failed"; durationMs: number; error: ErrorReport }
  | { type: "phase.started"; phase: Phase; detail?: string }
  | { type: "phase.finished"; phase: Phase; durationMs: number; detail?: string }
  | {
      /** Progress of a task whose total may be known. `task` is stable; `done === total` ends it. */
      type: "progress";
      task: string;
      label: string;
      done: number;
      total: number | null;
      unit: "bytes" | "percent";
    }
  | { type: "step.started"; step: string; index: number; total: number }
  | { type: "step.finished"; step: string; index: number; total: number; durationMs: number }
  | { type: "step.failed"; step: string; index: number; total: number; durationMs: number }
  | {
      type: "step.kept";
      step: string;
      index: number;
      total: number;
    }
  | { type: "step.retried"; step: string; attempt: number; of: number; reason: string }
  | { type: "action.started"; step: string; action: string; index: number; summary: string }
  | { type: "action.finished"; step: string; action: string; index: number; durationMs: number }
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
      /** One line that a program printed. `source` names it: `guest`, `local`, `mmdebstrap`, … */
      type: "output";
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
      /** The machine's state after a step; `index` 0 is the one before the first. */
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
  | { type: "warning"; message: string; hint?: string }
  | { type: "note"; message: string };

/** An event as sinks receive it. */
export type RunEvent = EventBody & {
  readonly v: typeof EVENT_VERSION;
  /** ISO 8601, UTC, milliseconds. */
  readonly time: string;
  /** The build's name; empty outside a build. */
  readonly build: string;
};

/** Emits an event. It is the only way in which a room reports anything. */
export type Emit = (event: EventBody) => void;

/** Shows or stores events. A sink never throws. */
export interface Sink {
  handle(event: RunEvent): void;
  /** Flushes and lets go of the terminal or the file. Idempotent. */
  close(): void | Promise<void>;
}
