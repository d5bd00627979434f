/** What a step left beside its work: whether the guest stays, and would let the build in again. */
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Guest } from "../guest/guest.js";
import { STOP_ACTIVE_TIMERS } from "../guest/timers.js";
import { guestShutdownError } from "../steps/run-in-guest.js";

/** Holding off timers waits for those at work. Milliseconds. */
const DEADLINE_MS = 900_000;

/** Looks at the guest after each step; a warning is given after the step that made it true. */
export class GuestChecker {
  readonly #emit: Emit;
  #lastProblem: string | undefined;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /**
   * Holds off timers that the step started, before its state is saved.
   * @throws {VmbuildError} GUEST_LOST when the guest is about to end: no state of it is worth saving.
   */
  async checkAfter(step: string, guest: Guest): Promise<void> {
    const problem = await this.#findProblem(step, guest);
    if (problem === this.#lastProblem) return;
    this.#lastProblem = problem;
    if (problem === undefined) return;
    this.#emit({
      type: "warning",
      message: `After step ${step} the guest would not accept a new SSH login: ${problem}`,
      hint:
        "A reboot action, or a run that resumes from this checkpoint, would fail. Do this in the last " +
        "step: it does not affect the open connection.",
    });
  }

  async #findProblem(step: string, guest: Guest): Promise<string | undefined> {
    try {
      const { pendingShutdown: ending, loginProblem: login } = await guest.systemState(
        STOP_ACTIVE_TIMERS,
        DEADLINE_MS,
      );
      if (ending) throw guestShutdownError(`Step "${step}" succeeded`, ending);
      return login;
    } catch (thrown) {
      const error = asVmbuildError(thrown);
      // Without sudo nothing can be asked; the next action would say so, and blame itself.
      if (error instanceof VmbuildError && error.code === "GUEST_SHELL") return error.message;
      throw thrown;
    }
  }
}
