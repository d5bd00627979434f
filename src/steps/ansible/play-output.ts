/** Separates the output of one run of ansible-playbook from the events in it, and judges its end. */
import { Tail } from "../../host/lines.js";
import type { ActionContext } from "../action.js";
import { requirePlayed } from "./failure.js";
import type { PlaybookEnd } from "./failure.js";
import { PlayEvents, countsText } from "./play-events.js";
import type { AnsibleAction } from "./schema.js";

/** Output of one run of ansible-playbook, on the host or in the guest. */
export class PlayOutput {
  readonly #context: ActionContext;
  readonly #events = new PlayEvents();
  readonly #tail = new Tail();

  constructor(context: ActionContext) {
    this.#context = context;
  }

  /** Value of VMBUILD_EVENT_MARK for the callback plugin. */
  get mark(): string {
    return this.#events.mark;
  }

  /** Takes the events out of the output, and passes on its other lines. */
  readonly onLine = (line: string, stream: "stdout" | "stderr"): void => {
    if (stream === "stdout" && this.#events.take(line)) return;
    this.#tail.push(line);
    this.#context.onLine(line, stream, "ansible");
  };

  /**
   * Reports the counts of the run, and requires that it succeeded.
   * @throws {VmbuildError} STEP_FAILED with playbook, task and host; STEP_TIMEOUT.
   */
  async finish(action: AnsibleAction, end: PlaybookEnd): Promise<void> {
    const events = this.#events;
    if (events.counts) this.#context.onResult?.(countsText(events.counts));
    await requirePlayed(action, { end, events, lines: this.#tail.lines }, this.#context);
  }
}
