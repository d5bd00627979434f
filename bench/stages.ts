/** Which part of a build took how long, from what each builder says while it works. Pure. */
import type { PhaseTimes, SavedCheckpoints, Stage, StageTimes } from "./samples.js";

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

/**
 * Packer 1.6.6's own words (packer-plugin-qemu, the `Say` of each step). A template in HCL has the
 * source's name after the builder's.
 */
export const PACKER_MARKS: readonly Mark[] = [
  { stage: "boot", begins: /^==> qemu(?:\.\w+)?: Starting VM/ },
  { stage: "steps", begins: /^==> qemu(?:\.\w+)?: Connected to SSH/ },
  { stage: "stop", begins: /^==> qemu(?:\.\w+)?: Gracefully halting virtual machine/ },
  { stage: "compact", begins: /^==> qemu(?:\.\w+)?: Converting hard drive/ },
  { stage: "digest", begins: /^==> qemu(?:\.\w+)?: Running post-processor: checksum/ },
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

/** A line of `--log-format json`; undefined where it is none. */
export function parseEvent(line: string): BuildEvent | undefined {
  if (!line.startsWith("{")) return undefined;
  const value: unknown = JSON.parse(line);
  const isEvent = typeof value === "object" && value !== null && "type" in value;
  return isEvent ? (value as BuildEvent) : undefined;
}

const sumOf = (events: readonly BuildEvent[], field: string): number =>
  events.reduce((total, event) => total + (Number(event[field]) || 0), 0);

const timeOf = ({ time }: BuildEvent): number => Date.parse(String(time));

/** From each stage's first phase to its last: some go on side by side. */
function timePhases(events: readonly BuildEvent[]): Partial<Record<Stage, number>> {
  const spans = new Map<Stage, { from: number; to: number }>();
  for (const event of events) {
    if (event.type !== "phase.started" && event.type !== "phase.finished") continue;
    const stage = STAGE_OF[String(event["phase"])];
    const at = timeOf(event);
    if (stage === undefined || Number.isNaN(at)) continue;
    const { from, to } = spans.get(stage) ?? { from: at, to: at };
    spans.set(stage, { from: Math.min(from, at), to: Math.max(to, at) });
  }
  return Object.fromEntries([...spans].map(([stage, { from, to }]) => [stage, to - from]));
}

const ends = ({ type, phase }: BuildEvent): boolean =>
  type === "step.finished" || (type === "phase.finished" && phase === "connect");
const begins = ({ type }: BuildEvent): boolean =>
  type === "step.started" || type === "phase.started";

/**
 * The time between the guest's being ready, the steps, and what follows them. A run without
 * checkpoints has next to none. What saving costs is read from here and not from what
 * `checkpoint.saved` says of itself, since there is more to it: the guest's memory is made small
 * before, the state before the first step is copied for other builds after.
 */
function timeBetween(events: readonly BuildEvent[]): number {
  let total = 0;
  let since: number | undefined;
  for (const event of events) {
    if (ends(event)) since = timeOf(event);
    if (!begins(event) || since === undefined) continue;
    total += timeOf(event) - since;
    since = undefined;
  }
  return total;
}

/**
 * A run's time by stage. `other` is the rest: Node's start, what lies between phases, the end of
 * the process.
 */
export function stagesOfEvents(events: readonly BuildEvent[], totalMs: number): StageTimes {
  const finished = events.filter(({ type }) => type === "step.finished");
  const steps = sumOf(finished, "durationMs");
  const checkpoints = timeBetween(events);
  const times = { ...timePhases(events), ...(finished.length > 0 ? { steps, checkpoints } : {}) };
  const known = Object.values(times).reduce((sum, ms) => sum + ms, 0);
  return { ...times, other: Math.max(0, totalMs - known) };
}

/**
 * Returns how long each phase took, and the steps together, in milliseconds. A phase that comes twice, such as the seal,
 * counts both times; `saving` is what lies between the steps.
 */
export function phasesOf(events: readonly BuildEvent[]): PhaseTimes {
  const times = new Map<string, number>();
  for (const { type, phase, durationMs } of events) {
    if (type !== "phase.finished" && type !== "step.finished") continue;
    const name = type === "step.finished" ? "steps" : String(phase);
    times.set(name, (times.get(name) ?? 0) + (Number(durationMs) || 0));
  }
  if (times.has("steps")) times.set("saving", timeBetween(events));
  return Object.fromEntries(times);
}

/** vmbuild's own share in milliseconds; undefined where the run did not end well. */
export function ownMsOf(events: readonly BuildEvent[]): number | undefined {
  const end = events.findLast(({ type }) => type === "run.finished");
  return typeof end?.["ownMs"] === "number" ? end["ownMs"] : undefined;
}

/** What saving checkpoints took, all of them together; undefined where none was saved. */
export function checkpointsOf(events: readonly BuildEvent[]): SavedCheckpoints | undefined {
  const saved = events.filter(({ type }) => type === "checkpoint.saved");
  if (saved.length === 0) return undefined;
  return {
    count: saved.length,
    ms: timeBetween(events),
    memoryBytes: sumOf(saved, "memoryBytes"),
    diskBytes: sumOf(saved, "diskBytes"),
  };
}
