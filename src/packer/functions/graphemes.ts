/** Characters of texts as readers see them. */
const segmenter = new Intl.Segmenter("en", { granularity: "grapheme" });

/** Splits a text into characters: a letter with its accents is one. */
export function graphemes(value: string): string[] {
  // The segmenter is slow, and each character of ASCII is one by itself.
  if (/^[ -~\n\t]*$/.test(value)) return value.split("");
  return [...segmenter.segment(value)].map(({ segment }) => segment);
}
