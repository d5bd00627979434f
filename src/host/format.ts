/** Sizes and durations as people read them. */
import prettyBytes from "pretty-bytes";
import prettyMilliseconds from "pretty-ms";

/** `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  return prettyBytes(bytes, { binary: true, maximumFractionDigits: 1 });
}

/** `850ms`, `12.3s`, `2m 5s`. */
export function formatDuration(milliseconds: number): string {
  const rounded = Math.round(milliseconds);
  return prettyMilliseconds(rounded, rounded < 60_000 ? {} : { secondsDecimalDigits: 0 });
}
