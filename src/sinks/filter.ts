/** Selects the events of a sink, and thins those of progress. */
import { isTaskEnd } from "../events/sinks/progress.js";
import type { RunEvent } from "../events/types.js";

/** Events that no sink gets: a state of the live view, and reports about sinks themselves. */
const NEVER: ReadonlySet<RunEvent["type"]> = new Set(["output.state", "sink.finished"]);

/** Returns whether a pattern such as `step.*` covers a type of event. */
function covers(pattern: string, type: string): boolean {
  if (pattern === "*" || pattern === type) return true;
  return pattern.endsWith(".*") && type.startsWith(pattern.slice(0, -1));
}

/**
 * Returns a function that decides whether a sink gets an event.
 * @param patterns types, or groups of types such as `step.*`.
 * @param progressMs shortest time between two progress events of a task, in milliseconds.
 */
export function createFilter(
  patterns: readonly string[],
  progressMs: number,
): (event: RunEvent) => boolean {
  const wanted = new Map<string, boolean>();
  const sentAt = new Map<string, number>();
  const isWanted = (type: RunEvent["type"]): boolean => {
    const known = wanted.get(type);
    if (known !== undefined) return known;
    const is = !NEVER.has(type) && patterns.some((pattern) => covers(pattern, type));
    wanted.set(type, is);
    return is;
  };
  return (event) => {
    if (!isWanted(event.type)) return false;
    if (event.type !== "progress") return true;
    const time = Date.parse(event.time);
    const last = sentAt.get(event.task);
    if (isTaskEnd(event)) {
      sentAt.delete(event.task);
      return true;
    }
    if (last !== undefined && time - last < progressMs) return false;
    sentAt.set(event.task, time);
    return true;
  };
}
