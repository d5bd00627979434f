/** Renders docs/events.md. The compiler checks the table below against the event types. */
import { PHASES, STOP_METHODS } from "../../events/types.js";
import type { EventBody } from "../../events/types.js";
import { cell, code, GENERATED, table } from "./markdown.js";

type Type = EventBody["type"];
type Fields<T extends Type> = Omit<Extract<EventBody, { type: T }>, "type">;
type IsOptional<F, K extends keyof F> = object extends Pick<F, K> ? true : false;

/** Description of an event: when it is emitted, and its fields. */
type Entry<T extends Type> = {
  readonly when: string;
  /** `true` for a field that may be absent. */
  readonly fields: { readonly [K in keyof Required<Fields<T>>]: IsOptional<Fields<T>, K> };
};

const list = (names: readonly string[]): string => names.map(code).join(", ");
const stepFields = { step: false, index: false, total: false } as const;

const EVENTS: { readonly [T in Type]: Entry<T> } = {
  "run.started": {
    fields: { name: false, version: false, runId: false, runFolder: false },
    when: "First event of a run.",
  },
  "run.finished": {
    fields: { durationMs: false, ownMs: false, result: false },
    when: "End of a run that succeeded; only `sink.finished` follows. `result` is what `--json` prints; `ownMs` is vmbuild's own share of the time.",
  },
  "run.failed": {
    fields: { durationMs: false, error: false },
    when: "End of a run that failed; only `sink.finished` follows. `error` has `code`, `exit`, `message`, `hint`, `lines` and `details` ([errors](errors.md)).",
  },
  "phase.started": {
    fields: { phase: false, detail: true },
    when: `A phase started: ${list(PHASES)}. Some run at the same time.`,
  },
  "phase.finished": {
    fields: { phase: false, durationMs: false, detail: true },
    when: "A phase succeeded.",
  },
  progress: {
    fields: { task: false, label: false, done: false, total: false, unit: false },
    when: "A task made progress. `total` may be null; `unit` is `bytes` or `percent`.",
  },
  "step.started": { fields: stepFields, when: "A step started; `index` counts from 1." },
  "step.finished": {
    fields: { ...stepFields, durationMs: false, detail: true },
    when: "A step and its checks succeeded. `detail` has the results that its actions report, such as Ansible's counts.",
  },
  "step.failed": {
    fields: { ...stepFields, durationMs: false },
    when: "A step failed, after its retries.",
  },
  "step.kept": {
    fields: stepFields,
    when: "A step is skipped, since a checkpoint holds what it did.",
  },
  "step.skipped": {
    fields: { ...stepFields, durationMs: false, reason: false },
    when: "The actions of a step were not needed. `reason` is `skipIf` (the step's command succeeded) or `verify` (all its checks succeeded, with `vmbuild provision --skip-satisfied`).",
  },
  "step.retried": {
    fields: { step: false, attempt: false, of: false, reason: false },
    when: "A step starts again.",
  },
  "action.started": {
    fields: { step: false, action: false, index: false, summary: false },
    when: "An action of a step started.",
  },
  "action.finished": {
    fields: { step: false, action: false, index: false, durationMs: false, detail: true },
    when: "An action succeeded. `detail` is its result, where it reports one.",
  },
  "verify.finished": {
    fields: { step: false, command: false, ok: false, durationMs: false },
    when: "A step's check ended.",
  },
  "check.finished": {
    fields: { check: false, round: true, ok: false, durationMs: false, reason: true },
    when: "An acceptance check ended (`vmbuild test`, `vmbuild verify`).",
  },
  output: {
    fields: { source: false, stream: false, line: false, step: true },
    when: "A program printed a line. `source` is `guest`, `verify`, `local`, `mmdebstrap`, …",
  },
  "output.state": {
    fields: { source: false, stream: false, line: false, step: true },
    when: "A program replaced its current line, as a progress bar does. Only library users get this event: NDJSON has the last state, as `output`.",
  },
  "machine.started": {
    fields: { pid: false, sshPort: false, accelerator: false },
    when: "QEMU started.",
  },
  "machine.stopped": {
    fields: { method: false, durationMs: false },
    when: `QEMU ended. \`method\` is one of ${list(STOP_METHODS)}.`,
  },
  "guest.stage": {
    fields: { stage: false, attempt: false },
    when: "An attempt to connect over SSH ended at this stage.",
  },
  "guest.ready": {
    fields: { durationMs: false, attempts: false },
    when: "The guest is connected over SSH.",
  },
  "checkpoint.saved": {
    fields: { step: false, index: false, durationMs: false, memoryBytes: false, diskBytes: false },
    when: "A checkpoint was saved; `index` 0 is the one before the first step.",
  },
  "checkpoint.removed": {
    fields: { steps: false, bytes: false },
    when: "Old checkpoints were removed to make room.",
  },
  "checkpoint.failed": {
    fields: { step: false, durationMs: false, memoryBytes: false },
    when: "The machine was saved in the state in which a step failed.",
  },
  paused: {
    fields: { reason: false, release: false },
    when: "The run is paused; `release` says how to resume it.",
  },
  resumed: { fields: {}, when: "The run was resumed." },
  "sink.finished": {
    fields: {
      ...{ sink: false, kind: false, delivered: false, waiting: false, lost: false },
      reason: true,
    },
    when: "The delivery to a [sink](sinks.md) ended, after the end of the run. `waiting` counts the events that are kept for the next run, `lost` those that were given up.",
  },
  warning: {
    fields: { message: false, hint: true },
    when: "Something needs attention; the summary repeats it.",
  },
  note: { fields: { message: false }, when: "Something is worth knowing." },
};

function fieldsOf({ fields }: { readonly fields: Readonly<Record<string, boolean>> }): string {
  return Object.entries(fields)
    .map(([name, isOptional]) => code(isOptional ? `${name}?` : name))
    .join(", ");
}

/** Renders docs/events.md. */
export function eventsPage(): string {
  return `${[
    "# Events",
    GENERATED,
    "`vmbuild run --log-format json` writes events to stderr, one JSON object per line. The run's " +
      "folder keeps the same lines in `events.ndjson`; `vmbuild logs NAME --json` prints them.",
    "Every event has these fields:",
    table(
      ["Field", "Meaning"],
      [
        ["`v`", "version of the format, 1; it changes when the meaning of a field changes"],
        ["`time`", "ISO 8601, UTC, with milliseconds"],
        ["`build`", "the build's name"],
        ["`type`", "one of the types below"],
      ],
    ),
    "Durations (`durationMs`, `ownMs`) are milliseconds, sizes are bytes. Secrets are masked as " +
      "`***`. Readers should ignore types and fields that they do not know. A `?` marks a field " +
      "that may be absent.",
    table(
      ["Type", "Fields", "Meaning"],
      Object.entries(EVENTS).map(([type, entry]) => [
        code(type),
        fieldsOf(entry),
        cell(entry.when),
      ]),
    ),
    "Errors outside a run, such as a template that cannot be read, are one line of type `error`, " +
      "with `error` as in `run.failed`.",
  ].join("\n\n")}\n`;
}
