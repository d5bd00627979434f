import { expect, it } from "vitest";
import { OpenWork } from "../../../src/cli/open-work.js";
import type { EventBody, RunEvent } from "../../../src/events/types.js";

const eventOf = (body: EventBody): RunEvent => ({
  ...{ v: 1, time: "2026-02-14T17:04:00.000Z", build: "demo" },
  ...body,
});
const step = { step: "one", index: 1, total: 2 };

it("keeps what a run does at present", () => {
  const work = new OpenWork();
  const taken: EventBody[] = [
    { type: "run.started", name: "demo", version: "1", runId: "r", runFolder: "/r" },
    { type: "phase.started", phase: "host" },
    { type: "phase.started", phase: "inputs" },
    { type: "phase.finished", phase: "host", durationMs: 1 },
    { type: "step.started", ...step },
    { type: "action.started", step: "one", action: "run", index: 1, summary: "first" },
    { type: "output", source: "guest", stream: "stdout", line: "hello" },
    { type: "action.started", step: "one", action: "run", index: 2, summary: "second" },
    { type: "paused", reason: "after step one", release: "vmbuild ssh demo" },
  ];
  for (const body of taken) work.take(eventOf(body));
  const shown = work.events.map((event) => ("summary" in event ? event.summary : event.type));
  expect(shown).toEqual(["run.started", "phase.started", "step.started", "second", "paused"]);
  work.take(eventOf({ type: "resumed" }));
  work.take(eventOf({ type: "step.finished", ...step, durationMs: 1 }));
  work.take(eventOf({ type: "phase.finished", phase: "inputs", durationMs: 1 }));
  expect(work.events.map(({ type }) => type)).toEqual(["run.started"]);
});
