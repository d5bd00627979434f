/** Checks the guest after each step: whether it keeps running and still accepts SSH logins. */
import { VmbuildError, asVmbuildError } from "../errors.js";
import type { Emit } from "../events/types.js";
import type { Guest } from "../guest/guest.js";
import { STOP_ACTIVE_TIMERS } from "../guest/timers.js";
import { guestShutdownError } from "../steps/run-in-guest.js";

/** Time limit. Stopping timers waits for services that they have started. Milliseconds. */
const DEADLINE_MS = 900_000;

/** Checks the guest after each step. A problem is reported once, after the step that caused it. */
export class GuestChecker {
  readonly #emit: Emit;
  #lastProblem: string | undefined;

  constructor(emit: Emit) {
    this.#emit = emit;
  }

  /**
   * Checks the guest after a step, and stops timers that the step started before the checkpoint is
   * saved.
   * @throws {VmbuildError} GUEST_LOST when the guest is about to shut down: a checkpoint of it
   *   would be useless.
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
      // Without sudo the guest cannot be checked. Otherwise the next action would fail and be
      // blamed.
      if (error instanceof VmbuildError && error.code === "GUEST_SHELL") return error.message;
      throw thrown;
    }
  }
}
