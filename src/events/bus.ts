/** From rooms to sinks: stamps each event, masks its secrets, and hands it to every sink. */
import { messageOf } from "../errors.js";
import { EVENT_VERSION } from "./types.js";
import type { Emit, EventBody, RunEvent, Sink } from "./types.js";
import type { Secrets } from "./secrets.js";

/** What a run speaks through. */
export interface Bus {
  readonly emit: Emit;
  /** Adds a sink once its place is known (the run folder, for one). Earlier events are replayed. */
  attach(sink: Sink): void;
  /** Closes every sink. Events emitted afterwards are dropped. Idempotent. */
  close(): Promise<void>;
}

/** How many early events are kept for sinks that join late. */
const REPLAY_LIMIT = 1000;

/**
 * Makes the bus of one run.
 * @param build the build's name, as written into each event.
 * @param secrets masked in every string of every event.
 * @param now the clock, milliseconds since the epoch.
 */
export function createBus(
  build: string,
  secrets: Secrets,
  sinks: readonly Sink[],
  now: () => number = Date.now,
): Bus {
  const open = new Set(sinks);
  const all = new Set(sinks);
  const replay: RunEvent[] = [];
  let closed = false;

  const emit = (body: EventBody): void => {
    if (closed) return;
    const time = new Date(now()).toISOString();
    const event: RunEvent = { v: EVENT_VERSION, time, build, ...secrets.maskAll(body) };
    if (replay.length < REPLAY_LIMIT) replay.push(event);
    for (const sink of open) hand(sink, event);
  };
  /** A sink that breaks its promise is left out from then on: a display must not end a build. */
  const hand = (sink: Sink, event: RunEvent): void => {
    try {
      sink.handle(event);
    } catch (error) {
      open.delete(sink);
      emit({ type: "warning", message: `an event sink failed: ${messageOf(error)}` });
    }
  };

  return {
    emit,
    attach(sink) {
      if (closed) return;
      all.add(sink);
      for (const event of replay) sink.handle(event);
      open.add(sink);
    },
    async close() {
      closed = true;
      await Promise.allSettled([...all].map(async (sink) => sink.close()));
    },
  };
}
