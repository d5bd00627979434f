/** Collects the findings about a template. */
import type { JsonPath } from "../template/document.js";
import type { Template } from "../template/load.js";

/** Findings as lines of text with their place. */
export interface Findings {
  /** Problems that would make a run fail. */
  readonly problems: readonly string[];
  /** Suspicious settings with which a run may succeed. */
  readonly warnings: readonly string[];
  /** Checks that could not be made here, with the reason. */
  readonly notes: readonly string[];
}

/** Collects findings, each with its place in the template. */
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

  /** Returns an empty collector for the same template, for checks that run in parallel. */
  fork(): Collector {
    return new Collector(this.template, this.signal);
  }

  /** Appends the findings of another collector. */
  add({ problems, warnings, notes }: Findings): void {
    this.problems.push(...problems);
    this.warnings.push(...warnings);
    for (const note of notes) this.note(note);
  }

  /** Adds a note once, because ten scripts may wait for the same input. */
  note(message: string): void {
    if (!this.notes.includes(message)) this.notes.push(message);
  }
}
