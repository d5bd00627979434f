/** A stream of server-sent events as an answer, and whether it is what the template expects. */
import { formatDuration } from "../host/format.js";
import type { HttpCheck } from "./check-schema.js";
import { mismatchAt } from "./json-path.js";
import { EventParser } from "./sse.js";
import type { ServerEvent } from "./sse.js";

type ExpectedEvents = NonNullable<HttpCheck["expect"]["events"]>;

/**
 * Reads events until the stream ends, or until the last one that is expected: some servers keep
 * the connection open after it.
 * @throws {Error} when there are more bytes than `most`; what the connection fails with.
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
    // Such as "[DONE]": it has no values at any path.
    return undefined;
  }
}

/** What is wrong with the events; undefined when nothing is. */
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
