/** Context of a step that runs. */
import type { Emit } from "../events/types.js";
import type { Guest } from "../guest/guest.js";
import type { Step } from "./schema.js";

/** Where a step stands, and what it works with. */
export interface StepContext {
  readonly guest: Guest;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Counted from 1. */
  readonly index: number;
  readonly total: number;
  /** All steps of the template, for what they may take from each other. */
  readonly steps?: readonly Step[];
  readonly templateFolder: string;
  readonly outputFolder: string;
  /** Told after each action on the host: what the step reads from the host may be another. */
  readonly hostChanged?: () => Promise<void>;
  /** The step's log: where it is, and what takes a line into it. */
  readonly log: { readonly path: string; write(line: string): void };
}
