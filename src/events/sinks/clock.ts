/** Formats elapsed times during a run. */
import { formatDuration } from "../../host/format.js";

/**
 * Formats a duration in whole seconds, so that a running counter does not flicker: `0s`, `12s`, `1m
 * 5s`.
 */
export function formatElapsed(milliseconds: number): string {
  return milliseconds < 1000 ? "0s" : formatDuration(Math.floor(milliseconds / 1000) * 1000);
}

/** Formats the time since the start: `00:07`, `12:40`, `1:02:03`. */
export function formatClock(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const clock = `${twoDigits(Math.floor(seconds / 60) % 60)}:${twoDigits(seconds % 60)}`;
  return seconds < 3600 ? clock : `${Math.floor(seconds / 3600)}:${clock}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
