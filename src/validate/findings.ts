/** What a check of a template finds. */
import type { JsonPath } from "../template/document.js";
import type { Template } from "../template/load.js";

/** Everything found, as lines of text that name their place. */
export interface Findings {
  /** A run would fail on these. */
  readonly problems: readonly string[];
  /** A run may go well, but something looks wrong. */
  readonly warnings: readonly string[];
  /** What could not be checked here, and why. */
  readonly notes: readonly string[];
}

/** Gathers findings, each with the place in the template that it is about. */
export class Collector implements Findings {
  readonly problems: string[] = [];
  readonly warnings: string[] = [];
  readonly notes: string[] = [];
  readonly template: Template;
  readonly signal: AbortSignal;

  constructor(template: Template, signal: AbortSignal) {
    this.template = template;
    this.signal = signal;
  }

  problem(path: JsonPath, message: string): void {
    this.problems.push(this.template.describeProblem({ path, message }));
  }

  warning(path: JsonPath, message: string): void {
    this.warnings.push(this.template.describeProblem({ path, message }));
  }

  /** The same note is kept once: ten scripts may wait for one input. */
  note(message: string): void {
    if (!this.notes.includes(message)) this.notes.push(message);
  }
}
