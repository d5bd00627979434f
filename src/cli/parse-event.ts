/** Reads a line of a run's event log. */
import type { RunEvent } from "../events/types.js";

/**
 * Returns the event of a line; undefined for a line that is not an event, such as the one that a
 * killed run left incomplete.
 */
export function parseEvent(line: string): RunEvent | undefined {
  let event: unknown;
  try {
    event = JSON.parse(line);
  } catch {
    // The run was killed while it wrote this line.
    return undefined;
  }
  const isEvent = typeof event === "object" && event !== null && "type" in event;
  return isEvent ? (event as RunEvent) : undefined;
}
