/** Converts durations as Go writes them. */

/** Returns a duration as a template has it: a negative one means none. */
export function durationText(text: string): string {
  if (text.startsWith("-")) return "0s";
  // A number without a unit is nanoseconds in Go, and too short to matter.
  return /^\d+$/.test(text) ? "0s" : text;
}

/** Seconds by unit. */
const UNITS: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 0.001 };

/** Converts a duration, such as `1m30s`, to the argument of sleep(1). */
export function sleepText(duration: string): string {
  const parts = [...duration.matchAll(/(\d+(?:\.\d+)?)(ms|h|m|s)/g)];
  const seconds = parts.reduce(
    (total, [, amount, unit]) => total + Number(amount) * (UNITS[unit ?? "s"] ?? 1),
    0,
  );
  return String(seconds);
}
