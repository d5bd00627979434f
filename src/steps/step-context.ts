/** Defines the context in which a step runs. */
import type { Emit } from "../events/types.js";
import type { Guest } from "../guest/guest.js";
import type { Step } from "./schema.js";

/** Context of a step: its position, and what it works with. */
export interface StepContext {
  readonly guest: Guest;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  /** Number of the step, from 1. */
  readonly index: number;
  readonly total: number;
  /** All steps of the template, to find downloads that collide. */
  readonly steps?: readonly Step[];
  readonly templateFolder: string;
  readonly outputFolder: string;
  /** Paths beside the template that are not part of a project: the template, the output folder. */
  readonly buildPaths?: readonly string[];
  /** Skip the actions of a step whose checks all succeed before. */
  readonly skipSatisfied?: boolean;
  /** Called after each action on the host, which may have changed files that the step reads. */
  readonly hostChanged?: () => Promise<void>;
  /** Log of the step: its path, and a function that writes a line. */
  readonly log: { readonly path: string; write(line: string): void };
}
