/** Defines the interface of a sink kind. Each kind is a file in `kinds/`; `registry.ts` lists them. */
import { z } from "zod";
import type { RunEvent } from "../events/types.js";
import { durationOr } from "../fields.js";

/** Event as sinks send it: with the run, and a number by which a receiver finds gaps and repeats. */
export type SentEvent = RunEvent & {
  /** Id of the event: the same in every attempt to deliver it. */
  readonly id: string;
  /** Number of the event among those of its run for this sink, from 1. */
  readonly seq: number;
  readonly runId: string;
};

/** Place of a template's value in a file. */
export interface TemplatePlace {
  readonly file: string;
  /** Counted from 1. */
  readonly line: number;
}

/** Spool of an earlier run. */
export interface EarlierSpool {
  readonly folder: string;
  readonly build: string;
  readonly runId: string;
  /** Set for a run whose process was killed, which could not report its end. */
  readonly killed?: {
    readonly code: "LEASE_EXPIRED" | "RUN_KILLED";
    readonly runFolder: string;
    /** Duration until it was found. Milliseconds. */
    readonly durationMs: number;
  };
}

/** What an open sink knows of its run. */
export interface SinkContext {
  readonly name: string;
  readonly runId: string;
  /** Absolute; paths of the template are relative to it. */
  readonly templateFolder: string;
  /** Absolute path of the template. */
  readonly templatePath: string;
  /** Folder of this sink in the run's folder; it may not exist yet. */
  readonly folder: string;
  /** Undelivered events of earlier runs, oldest first. */
  readonly earlier: readonly EarlierSpool[];
  /** Returns the place of a step in the template; undefined where it is not from a file. */
  readonly placeOf: (step: string) => TemplatePlace | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Reports a problem. Only the first one is shown. */
  readonly onProblem: (reason: string) => void;
}

/** Numbers of events at the end of a run. */
export interface Delivered {
  readonly delivered: number;
  /** Events that are kept on disk. */
  readonly waiting: number;
  /** Events that were given up. */
  readonly lost: number;
}

/** Sink that takes events. Neither function throws. */
export interface OpenSink {
  /** Takes an event. Must not wait. */
  take(event: SentEvent): void;
  /** Delivers what is left, in a bounded time, and closes the sink. */
  finish(): Promise<Delivered>;
}

/** Kind of sink. `S` is its parsed settings. */
export interface SinkKind<S extends CommonSinkFields> {
  /** Key that identifies the kind in a template. */
  readonly name: string;
  /** Keys of the kind, for messages: `{webhook, headers}`. */
  readonly form: string;
  readonly schema: z.ZodType<S>;
  /** Types of event that it gets unless `events` is set. */
  readonly defaultEvents: readonly string[];
  /** True for a kind that keeps undelivered events for the next run. */
  readonly keepsEvents: boolean;
  /** Converts the text after `--sink NAME=` to settings. */
  readonly settingsOf: (text: string) => Record<string, unknown>;
  /** Returns secrets in the settings that are not values of variables. */
  secrets(settings: S): readonly string[];
  /** Describes the target without secrets. */
  describe(settings: S): string;
  /**
   * Opens the sink.
   * @throws any error; the run goes on without the sink.
   */
  open(settings: S, context: SinkContext): Promise<OpenSink>;
}

/** Defines a kind of sink with inferred types. */
export function defineSinkKind<S extends CommonSinkFields>(kind: SinkKind<S>): SinkKind<S> {
  return kind;
}

/** Default interval of `progress` events. */
const PROGRESS_MS = 10_000;

/** Fields of every kind of sink. */
export const commonSinkFields = {
  events: z
    .array(
      z
        .string()
        .regex(
          /^(\*|[a-z]+(\.[a-z]+)?|[a-z]+\.\*)$/,
          'use the type of an event, such as "step.failed", a group such as "step.*", or "*"',
        ),
    )
    .min(1)
    .optional()
    .describe(
      "types of event to send, such as `run.*` or `step.failed`; `*` is every event, with all output. If omitted, all but output (github: the end of the run, steps and warnings)",
    ),
  progress: durationOr(PROGRESS_MS).describe(
    "shortest time between two progress events of the same task; its last one is always sent",
  ),
};

/** Parsed fields of every kind of sink. */
export interface CommonSinkFields {
  readonly events?: string[] | undefined;
  /** Milliseconds. */
  readonly progress: number;
}

/** Types of event of an ordinary sink: all that are not output of programs. */
export const WITHOUT_OUTPUT: readonly string[] = [
  ...["run", "phase", "step", "action", "verify", "check", "machine", "guest", "checkpoint"].map(
    (group) => `${group}.*`,
  ),
  ...["progress", "paused", "resumed", "warning", "note"],
];
