import { describe, expect, it } from "vitest";
import { createBus } from "../../../src/events/bus.js";
import { Secrets } from "../../../src/events/secrets.js";
import type { RunEvent, Sink } from "../../../src/events/types.js";

function keepingSink(): Sink & { events: RunEvent[]; closed: number } {
  const sink = {
    events: [] as RunEvent[],
    closed: 0,
    handle: (event: RunEvent): void => void sink.events.push(event),
    close: (): void => void sink.closed++,
  };
  return sink;
}

const note = (message: string) => ({ type: "note", message }) as const;

describe("the bus", () => {
  it("stamps events with version, time and build, and masks secrets", () => {
    const secrets = new Secrets();
    secrets.add("hunter22");
    const sink = keepingSink();
    createBus("demo", secrets, [sink], () => 0).emit(note("the token is hunter22"));
    expect(sink.events).toEqual([
      {
        v: 1,
        time: "1970-01-01T00:00:00.000Z",
        build: "demo",
        type: "note",
        message: "the token is ***",
      },
    ]);
  });

  it("replays earlier events, in order, to a sink that joins late", () => {
    const bus = createBus("demo", new Secrets(), []);
    bus.emit(note("one"));
    bus.emit(note("two"));
    const sink = keepingSink();
    bus.attach(sink);
    bus.emit(note("three"));
    expect(sink.events.map((event) => event.type === "note" && event.message)).toEqual([
      "one",
      "two",
      "three",
    ]);
  });

  it("closes every sink once it is closed, and drops what comes later", async () => {
    const first = keepingSink();
    const late = keepingSink();
    const bus = createBus("demo", new Secrets(), [first]);
    bus.attach(late);
    await bus.close();
    bus.emit(note("too late"));
    expect([first.closed, late.closed]).toEqual([1, 1]);
    expect(first.events).toEqual([]);
  });

  it("continues without a sink that throws, with a warning, and closes all", async () => {
    const good = keepingSink();
    let closed = false;
    const bad: Sink = {
      handle: () => {
        throw new Error("no paint left");
      },
      close: () => {
        closed = true;
        throw new Error("stuck");
      },
    };
    const bus = createBus("demo", new Secrets(), [bad, good]);
    bus.emit(note("one"));
    bus.emit(note("two"));
    await bus.close();
    expect(good.events.map((event) => event.type)).toEqual(["warning", "note", "note"]);
    expect(good.events[0]).toMatchObject({ message: "an event sink failed: no paint left" });
    expect(closed).toBe(true);
    expect(good.closed).toBe(1);
  });
});
