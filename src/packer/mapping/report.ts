/** Report of what became of each part of a Packer template. */
import type { Place } from "../model.js";
import type { ConvertedOption } from "../../template/converted-option.js";

/** What became of one option. */
export interface ReportEntry extends ConvertedOption {
  readonly place: Place;
  /** Nothing can be made of the template, not even with work by hand. */
  readonly isFatal?: boolean;
}

/** Collects entries; the last one of an option counts. */
export class Report {
  readonly #entries = new Map<string, ReportEntry>();

  add(entry: ReportEntry): void {
    const { file, line, column } = entry.place;
    this.#entries.set(`${file}:${line}:${column} ${entry.subject}`, entry);
  }

  get entries(): readonly ReportEntry[] {
    return [...this.#entries.values()];
  }
}

/** Formats an entry as `file:line:column: option: text.` */
export function formatEntry({ place, subject, text }: ReportEntry): string {
  const end = /[.!?…]$/.test(text) ? "" : ".";
  return `${place.file}:${place.line}:${place.column}: ${subject}: ${text}${end}`;
}
