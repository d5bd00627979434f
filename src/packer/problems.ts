/** Problems of Packer templates: collected, sorted, and formatted with their places. */
import { VmbuildError } from "../errors.js";
import type { Span } from "./hcl/syntax.js";
import { placeOf } from "./hcl/source.js";
import type { PackerProblem, Place } from "./model.js";

/** Problem of an expression or of a block. Caught by the reader, which collects all problems. */
export class PackerFault extends Error {
  override readonly name = "PackerFault";
  readonly span: Span;

  constructor(message: string, span: Span) {
    super(message);
    this.span = span;
  }
}

/**
 * Thrown where a value depends on something that has been reported already, such as a local with an
 * error. It is not reported again.
 */
export class KnownFault extends Error {
  override readonly name = "KnownFault";
}

/** Collects problems and warnings. A problem that is already listed is not added again. */
export class Problems {
  readonly #seen = new Set<string>();
  readonly #problems: PackerProblem[] = [];
  readonly #warnings: PackerProblem[] = [];

  /** Adds a problem at a place; no place for those that belong to no file. */
  add(message: string, at: Span | Place | undefined): void {
    this.#push(this.#problems, message, at);
  }

  /** Adds a warning at a place. */
  warn(message: string, at: Span | Place | undefined): void {
    this.#push(this.#warnings, message, at);
  }

  /** Runs a function; a fault that it throws is added, and undefined is returned. */
  attempt<Result>(work: () => Result): Result | undefined {
    try {
      return work();
    } catch (error) {
      this.addFault(error);
      return undefined;
    }
  }

  /** Adds a fault that was caught. Anything that is not a fault is thrown again. */
  addFault(error: unknown): void {
    if (error instanceof PackerFault) this.add(error.message, error.span);
    else if (!(error instanceof KnownFault)) throw error;
  }

  /** Number of problems so far, without warnings. */
  get count(): number {
    return this.#problems.length;
  }

  /** Returns the problems in the order of their places. */
  problems(): PackerProblem[] {
    return this.#problems.toSorted(comparePlaces);
  }

  /** Returns the warnings in the order of their places. */
  warnings(): PackerProblem[] {
    return this.#warnings.toSorted(comparePlaces);
  }

  #push(list: PackerProblem[], message: string, at: Span | Place | undefined): void {
    const place = at === undefined || "line" in at ? at : placeOf(at);
    const key = `${place?.file ?? ""}:${place?.line ?? 0}:${place?.column ?? 0}:${message}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    list.push({ message, place });
  }
}

function comparePlaces({ place: a }: PackerProblem, { place: b }: PackerProblem): number {
  if (!a || !b) return Number(a === undefined) - Number(b === undefined);
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}

/** Longest excerpt of an expression in a message. */
const MAX_EXCERPT = 80;

/** Formats a problem as `FILE:LINE:COLUMN: message`, with the expression under it. */
function problemLines({ message, place }: PackerProblem): string[] {
  if (!place) return [message];
  const [first = ""] = place.text.split("\n");
  const characters = Array.from(first.trim());
  const cut = characters.length > MAX_EXCERPT || place.text.includes("\n");
  const excerpt = characters.slice(0, MAX_EXCERPT).join("").trimEnd();
  const line = `${place.file}:${place.line}:${place.column}: ${message}`;
  return excerpt === "" ? [line] : [line, `  ${excerpt}${cut ? " …" : ""}`];
}

/** Returns the error that lists all problems of a template. */
export function problemsError(path: string, problems: readonly PackerProblem[]): VmbuildError {
  const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
  return new VmbuildError("TEMPLATE_INVALID", `The Packer template ${path} has ${count}.`, {
    hint: "Correct each listed problem; a place is FILE:LINE:COLUMN.",
    lines: problems.flatMap(problemLines),
    details: { problems },
  });
}
