/** Document of a template that is made from Packer's: problems are shown at their place in Packer's. */
import { formatPath } from "../template/document.js";
import type { Problem, TemplateDocument } from "../template/document.js";
import type { Conversion } from "./mapping/convert.js";

/** Converted template as a document. */
export class ConvertedDocument implements TemplateDocument {
  readonly file: string;
  readonly #conversion: Conversion;

  constructor(file: string, conversion: Conversion) {
    this.file = file;
    this.#conversion = conversion;
  }

  get value(): unknown {
    return this.#conversion.template;
  }

  /** Returns the line and column, in Packer's file, of the option that a value came from. */
  positionOf(problem: Problem): { readonly line: number; readonly column: number } {
    const origin = this.#conversion.draft.nearestOrigin(problem.path);
    return origin
      ? { line: origin.place.line, column: origin.place.column }
      : { line: 1, column: 1 };
  }

  /** Formats a problem with the place of the option that the value came from. */
  format(problem: Problem): string {
    const place = formatPath(problem.path);
    if (problem.source) return `${problem.source}: ${problem.message}`;
    const origin = this.#conversion.draft.nearestOrigin(problem.path);
    if (!origin) return `${this.file}: ${place}: ${problem.message}`;
    const { file, line, column } = origin.place;
    return `${file}:${line}:${column}: ${origin.what}: ${place}: ${problem.message}`;
  }
}
