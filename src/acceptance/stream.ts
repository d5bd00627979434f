/** Checks a stream of server-sent events. */
import { formatDuration } from "../host/format.js";
import type { HttpCheck } from "./check-schema.js";
import { mismatchAt } from "./json-path.js";
import { EventParser } from "./sse.js";
import type { ServerEvent } from "./sse.js";

type ExpectedEvents = NonNullable<HttpCheck["expect"]["events"]>;

/**
 * Reads events until the stream ends or the last expected one arrives: some servers keep the
 * connection open after it.
 * @throws {Error} when the stream exceeds `maxBytes`; errors of the connection.
 */
export async function readStream(
  body: AsyncIterable<Buffer>,
  expected: ExpectedEvents,
  maxBytes: number,
): Promise<ServerEvent[]> {
  const parser = new EventParser();
  const events: ServerEvent[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`the stream has more than ${maxBytes} bytes`);
    events.push(...parser.write(chunk, performance.now()));
    if (expected.last !== undefined && events.at(-1)?.data === expected.last) break;
  }
  return events;
}

function parseData({ data }: ServerEvent): unknown {
  try {
    return JSON.parse(data);
  } catch {
    // Data such as "[DONE]" is not JSON and has no values at any path.
    return undefined;
  }
}

/** Returns what is wrong with the events; undefined when nothing is. */
export function streamProblem(
  events: readonly ServerEvent[],
  expected: ExpectedEvents,
): string | undefined {
  const { atLeast, json = {}, last, spread } = expected;
  if (events.length < atLeast)
    return `${events.length} events received, expected at least ${atLeast}`;
  const final = events.at(-1);
  if (last !== undefined && final?.data !== last) {
    return `the last event is ${JSON.stringify(final?.data ?? "")}, not ${JSON.stringify(last)}`;
  }
  const documents = events.map(parseData).filter((document) => document !== undefined);
  for (const [path, value] of Object.entries(json)) {
    const problems = documents.map((document) => mismatchAt(document, path, value));
    if (problems.includes(undefined)) continue;
    return `in no event: ${problems.at(-1) ?? `${path} (no event has JSON)`}`;
  }
  const durationMs = (final?.at ?? 0) - (events[0]?.at ?? 0);
  if (spread !== undefined && durationMs < spread) {
    return `all events came within ${formatDuration(durationMs)}, expected at least ${formatDuration(spread)}: the response is buffered`;
  }
  return undefined;
}
