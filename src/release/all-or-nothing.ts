/** Makes a change of several steps, and takes it back when one of them fails. */

/** Step of a change. */
export interface Step {
  run(): Promise<void>;
  /** Undoes the step. Does no harm when the step failed, with or without an effect. */
  undo(): Promise<void>;
}

/**
 * Runs steps in order. When one fails, it and those before it are undone, the last one first; the
 * failed one too, because a server may have done what it could not report.
 * @throws the error of the step. Those of `undo` are not reported: the next upload repairs the rest.
 */
export async function allOrNothing(steps: readonly Step[]): Promise<void> {
  const begun: Step[] = [];
  try {
    for (const step of steps) {
      begun.unshift(step);
      await step.run();
    }
  } catch (error) {
    for (const step of begun) {
      try {
        await step.undo();
      } catch {
        // The first error is the one to report.
      }
    }
    throw error;
  }
}
