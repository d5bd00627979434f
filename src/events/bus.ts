/** Passes events to sinks: adds the time, masks secrets, and calls every sink. */
import { messageOf } from "../errors.js";
import { EVENT_VERSION } from "./types.js";
import type { Emit, EventBody, RunEvent, Sink } from "./types.js";
import type { Secrets } from "./secrets.js";

/** Event bus of a run. */
export interface Bus {
  readonly emit: Emit;
  /** Adds a sink later, for example once the run folder exists. Earlier events are replayed. */
  attach(sink: Sink): void;
  /** Closes every sink. Events emitted afterwards are dropped. Idempotent. */
  close(): Promise<void>;
}

/** Number of early events that are kept for sinks that are attached later. */
const REPLAY_LIMIT = 1000;

/**
 * Creates the bus of one run.
 * @param build the build's name, which is part of each event.
 * @param secrets masked in every string of every event.
 * @param now the clock, in milliseconds since the epoch.
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
    if (replay.length < REPLAY_LIMIT && event.type !== "output.state") replay.push(event);
    for (const sink of open) hand(sink, event);
  };
  /** A sink that throws is removed, because a display error must not end a build. */
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
