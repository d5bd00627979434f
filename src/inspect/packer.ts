/** Describes what became of the options of a Packer template. */
import type { ConvertedOption, Outcome } from "../template/converted-option.js";

/** Option of a Packer template. */
export interface PackerOptionInspection {
  readonly option: string;
  readonly text: string;
  /** File and line. */
  readonly place: string;
}

/** Options in three groups: converted, not needed, not possible. */
export type PackerInspection = Readonly<Record<Outcome, readonly PackerOptionInspection[]>>;

/** Groups the options. */
export function inspectPacker(entries: readonly ConvertedOption[]): PackerInspection {
  const of = (outcome: Outcome): PackerOptionInspection[] =>
    entries
      .filter((entry) => entry.outcome === outcome)
      .map(({ subject, text, place }) => ({
        option: subject,
        text,
        place: `${place.file}:${place.line}`,
      }));
  return { mapped: of("mapped"), nothing: of("nothing"), refused: of("refused") };
}
