/** Which part of a build took how long, from what each builder says while it works. Pure. */
import type { SavedCheckpoints, Stage, StageTimes } from "./samples.js";

/** A line that a program printed. `atMs` counts from its start. */
export interface TimedLine {
  readonly atMs: number;
  readonly text: string;
}

/** The first line that fits begins the stage, once the stage before it has begun. */
export interface Mark {
  readonly stage: Stage;
  readonly begins: RegExp;
}

/** Packer 1.6.6's own words (packer-plugin-qemu, the `Say` of each step). */
export const PACKER_MARKS: readonly Mark[] = [
  { stage: "boot", begins: /^==> qemu: Starting VM/ },
  { stage: "steps", begins: /^==> qemu: Connected to SSH/ },
  { stage: "stop", begins: /^==> qemu: Gracefully halting virtual machine/ },
  { stage: "compact", begins: /^==> qemu: Converting hard drive/ },
  { stage: "digest", begins: /^==> qemu: Running post-processor: checksum/ },
];

/** virt-customize starts its appliance and looks at the disk before its first step. */
export const VIRT_CUSTOMIZE_MARKS: readonly Mark[] = [
  { stage: "boot", begins: /^\[ *[\d.]+\] Examining the guest/ },
  { stage: "steps", begins: /^\[ *[\d.]+\] (?!Examining)/ },
  { stage: "stop", begins: /^\[ *[\d.]+\] Finishing off/ },
];

/** Cuts a run's time at its marks. What comes before the first mark is `prepare`. */
export function cutAtMarks(
  marks: readonly Mark[],
  lines: readonly TimedLine[],
  totalMs: number,
): StageTimes {
  const times: Partial<Record<Stage, number>> = {};
  const left = [...marks];
  let stage: Stage = "prepare";
  let since = 0;
  const close = (atMs: number): void => {
    times[stage] = (times[stage] ?? 0) + atMs - since;
    since = atMs;
  };
  for (const { atMs, text } of lines) {
    const index = left.findIndex(({ begins }) => begins.test(text));
    const found = left[index];
    if (!found) continue;
    close(atMs);
    stage = found.stage;
    left.splice(0, index + 1);
  }
  close(totalMs);
  return times;
}

/** vmbuild's phases by stage. One that is not here counts as `other`. */
const STAGE_OF: Readonly<Record<string, Stage>> = {
  resolve: "prepare",
  host: "prepare",
  inputs: "prepare",
  base: "prepare",
  seed: "prepare",
  disk: "prepare",
  resume: "boot",
  boot: "boot",
  connect: "boot",
  steps: "steps",
  seal: "stop",
  shutdown: "stop",
  compact: "compact",
  digest: "digest",
  describe: "digest",
};

/** An event of vmbuild, as far as it is known here. */
export interface BuildEvent {
  readonly type: string;
  readonly [field: string]: unknown;
}

const isCheckpoint = ({ type }: BuildEvent): boolean => type === "checkpoint.saved";

/** A line of `--log-format json`; undefined where it is none. */
export function parseEvent(line: string): BuildEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  const value: unknown = JSON.parse(line);
  const isEvent = typeof value === "object" && value !== null && "type" in value;
  return isEvent ? (value as BuildEvent) : undefined;
}

/** The stage that an event begins or ends; undefined where it does neither. */
function stageOf({ type, phase }: BuildEvent): Stage | undefined {
  if (type === "phase.started" || type === "phase.finished") return STAGE_OF[String(phase)];
  return type === "step.started" || type === "step.finished" ? "steps" : undefined;
}

interface Span {
  readonly from: number;
  readonly to: number;
}

/** From each stage's first event to its last: some phases go on side by side. */
function spansOf(events: readonly BuildEvent[]): Map<Stage, Span> {
  const spans = new Map<Stage, Span>();
  for (const event of events) {
    const stage = stageOf(event);
    const at = Date.parse(String(event["time"]));
    if (stage === undefined || Number.isNaN(at)) continue;
    const { from, to } = spans.get(stage) ?? { from: at, to: at };
    spans.set(stage, { from: Math.min(from, at), to: Math.max(to, at) });
  }
  return spans;
}

/**
 * A run's time by stage. Saving checkpoints is a stage of its own, and taken out of the one in
 * which it happened. `other` is the rest: Node's start, what lies between phases, the process's end.
 */
export function stagesOfEvents(events: readonly BuildEvent[], totalMs: number): StageTimes {
  const spans = spansOf(events);
  const times: Partial<Record<Stage, number>> = {};
  for (const [stage, { from, to }] of spans) times[stage] = to - from;
  for (const { time, durationMs } of events.filter(isCheckpoint)) {
    const ms = Number(durationMs) || 0;
    const middle = Date.parse(String(time)) - ms / 2;
    times.checkpoints = (times.checkpoints ?? 0) + ms;
    const within = [...spans].find(([, { from, to }]) => from < middle && middle < to)?.[0];
    if (within !== undefined) times[within] = Math.max(0, (times[within] ?? 0) - ms);
  }
  const known = Object.values(times).reduce((sum, ms) => sum + ms, 0);
  return { ...times, other: Math.max(0, totalMs - known) };
}

/** vmbuild's own share in milliseconds; undefined where the run did not end well. */
export function ownMsOf(events: readonly BuildEvent[]): number | undefined {
  const end = events.findLast(({ type }) => type === "run.finished");
  return typeof end?.["ownMs"] === "number" ? end["ownMs"] : undefined;
}

/** What saving checkpoints took, all of them together; undefined where none was saved. */
export function checkpointsOf(events: readonly BuildEvent[]): SavedCheckpoints | undefined {
  const saved = events.filter(isCheckpoint);
  const sum = (field: string): number =>
    saved.reduce((total, event) => total + (Number(event[field]) || 0), 0);
  if (saved.length === 0) return undefined;
  return {
    count: saved.length,
    ms: sum("durationMs"),
    memoryBytes: sum("memoryBytes"),
    diskBytes: sum("diskBytes"),
  };
}
