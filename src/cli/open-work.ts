/** Keeps the events that describe what a run does at present, for a view that begins in the middle. */
import type { RunEvent } from "../events/types.js";

/** Events of the work in progress, in their order. */
export class OpenWork {
  #started: RunEvent[] = [];
  readonly #phases = new Map<string, RunEvent>();
  #step: RunEvent[] = [];
  #paused: RunEvent[] = [];

  /** Takes the next event of the run. */
  take(event: RunEvent): void {
    switch (event.type) {
      case "run.started":
        this.#started = [event];
        break;
      case "phase.started":
        this.#phases.set(event.phase, event);
        break;
      case "phase.finished":
        this.#phases.delete(event.phase);
        break;
      case "step.started":
        this.#step = [event];
        break;
      case "action.started":
        this.#step = [...this.#step.slice(0, 1), event];
        break;
      case "step.finished":
      case "step.failed":
        this.#step = [];
        break;
      case "paused":
        this.#paused = [event];
        break;
      case "resumed":
        this.#paused = [];
        break;
      default:
        break;
    }
  }

  /** Returns the events from which a view shows the present state. */
  get events(): readonly RunEvent[] {
    return [...this.#started, ...this.#phases.values(), ...this.#step, ...this.#paused];
  }
}
