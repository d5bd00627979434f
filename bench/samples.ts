/** What is measured: one contender's way through one scenario, in one round. */

/** The parts of a build that every builder has. Their order is a build's. */
export const STAGES = [
  "prepare",
  "boot",
  "steps",
  "checkpoints",
  "stop",
  "compact",
  "digest",
  "other",
] as const;
/** One of {@link STAGES}. */
export type Stage = (typeof STAGES)[number];

/** Milliseconds by stage; a stage that a builder did not go through is not there. */
export type StageTimes = Readonly<Partial<Record<Stage, number>>>;

/** Milliseconds of vmbuild's phases, and of its steps together, in the order in which they ended. */
export type PhaseTimes = Readonly<Record<string, number>>;

/** The checkpoints that one run saved, all together. Bytes; milliseconds that steps waited. */
export interface SavedCheckpoints {
  readonly count: number;
  readonly ms: number;
  readonly memoryBytes: number;
  readonly diskBytes: number;
}

/** What one run took. */
export interface Timing {
  /** From the start of the process to its end, on this side's clock. Milliseconds. */
  readonly ms: number;
  readonly stages?: StageTimes;
  readonly phases?: PhaseTimes;
  /** vmbuild's own share, as its `run.finished` event has it. */
  readonly ownMs?: number;
  /** The most memory that the tool's own process had, without QEMU and other programs. */
  readonly peakBytes?: number;
  readonly checkpoints?: SavedCheckpoints;
  /** The finished image's length. */
  readonly imageBytes?: number;
}

/** A build, and the image that came of it. */
export interface Built {
  readonly timing: Timing;
  readonly image: string;
}

/** A timing with its place in the bench. */
export interface Sample {
  readonly scenario: string;
  readonly contender: string;
  /** Counts from 1. */
  readonly round: number;
  readonly timing: Timing;
  /** Measured in this scenario of the same round; a builder without a cache does the same in both. */
  readonly standsInFrom?: string;
}

/** Keeps a timing; see {@link Sample} for `standsInFrom`. */
export type RecordTiming = (
  scenario: string,
  contender: string,
  timing: Timing,
  standsInFrom?: string,
) => void;
