/** Formats durations as Packer does: the two largest units, such as `2 minutes 5 seconds`. */

/** Units with their length in microseconds. */
const UNITS = [
  ["week", 604_800_000_000],
  ["day", 86_400_000_000],
  ["hour", 3_600_000_000],
  ["minute", 60_000_000],
  ["second", 1_000_000],
  ["millisecond", 1000],
  ["microsecond", 1],
] as const;

/** Formats a duration in milliseconds. */
export function formatPackerDuration(milliseconds: number): string {
  let left = Math.max(0, Math.round(milliseconds * 1000));
  const parts: string[] = [];
  for (const [unit, length] of UNITS) {
    const count = Math.floor(left / length);
    left -= count * length;
    if (count > 0) parts.push(`${count} ${unit}${count === 1 ? "" : "s"}`);
  }
  return parts.length === 0 ? "0 microseconds" : parts.slice(0, 2).join(" ");
}
