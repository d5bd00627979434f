/** Formats sizes and durations for people. */
import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";

/** Formats a size, such as `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true, maximumFractionDigits: 1 });
}

/**
 * Formats sizes for one message. Sizes that differ get as many digits as needed to tell them apart,
 * or are written in bytes.
 */
export function formatSizes<const T extends readonly number[]>(
  ...sizes: T
): { [K in keyof T]: string } {
  const different = new Set(sizes).size;
  for (let digits = 1; digits <= 3; digits++) {
    const options = { binary: true, maximumFractionDigits: digits };
    const texts = sizes.map((size) => prettyBytes(size, options));
    if (new Set(texts).size === different) return texts as { [K in keyof T]: string };
  }
  return sizes.map((size) => `${size} bytes`) as { [K in keyof T]: string };
}

/** Formats a duration: `850ms`, `12.3s`, `2m 5s`. */
export function formatDuration(milliseconds: number): string {
  const rounded = Math.round(milliseconds);
  return prettyMilliseconds(rounded, rounded < 60_000 ? {} : { secondsDecimalDigits: 0 });
}
