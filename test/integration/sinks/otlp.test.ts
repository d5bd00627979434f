/** Sends runs as traces to a stand-in for a collector: a server that accepts OTLP over HTTP. */
import { describe, expect, it } from "vitest";
import type { EventBody } from "../../../src/events/types.js";
import type { Hub } from "../../support/hub.js";
import { eachTestWithHub, note } from "../../support/sinks.js";
import type { SinkFolder } from "../../support/sinks.js";

let hub: Hub;
let place: SinkFolder;
eachTestWithHub((started, folder) => {
  hub = started;
  place = folder;
});

interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: number };
}
/** Span in OTLP's JSON encoding. */
interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Attribute[];
  readonly events: { readonly name: string }[];
  readonly status: { readonly code: number; readonly message?: string };
}
interface Traces {
  readonly resourceSpans: {
    readonly resource: { readonly attributes: Attribute[] };
    readonly scopeSpans: { readonly spans: Span[] }[];
  }[];
}

const traces = (): Traces[] => hub.accepted.map(({ body }) => JSON.parse(body) as Traces);

function spans(): Span[] {
  return traces()
    .flatMap(({ resourceSpans }) => resourceSpans)
    .flatMap(({ scopeSpans }) => scopeSpans)
    .flatMap((scope) => scope.spans);
}

function spanOf(name: string): Span {
  const span = spans().find((one) => one.name === name);
  if (!span)
    throw new Error(
      `no span ${name} among ${spans()
        .map((one) => one.name)
        .join()}`,
    );
  return span;
}

const valueOf = (attributes: readonly Attribute[], key: string): string | undefined =>
  attributes.find((attribute) => attribute.key === key)?.value.stringValue;

const STEP = { step: "packages", index: 1, total: 1 };
const STARTED: EventBody[] = [
  { type: "run.started", name: "demo", version: "1.2", runId: "r1", runFolder: "/r" },
  { type: "phase.started", phase: "boot" },
  { type: "phase.finished", phase: "boot", durationMs: 5, detail: "process 7" },
  { type: "step.started", ...STEP },
  { type: "action.started", step: "packages", action: "run", index: 0, summary: "apt-get" },
];
const DONE: EventBody[] = [
  { type: "action.finished", step: "packages", action: "run", index: 0, durationMs: 5 },
  { type: "verify.finished", step: "packages", command: "jq", ok: true, durationMs: 2000 },
  { type: "step.finished", ...STEP, durationMs: 9 },
  { type: "warning", message: "look" },
  { type: "run.finished", durationMs: 20, ownMs: 1, result: {} },
];
const FAILED: EventBody[] = [
  { type: "step.failed", ...STEP, durationMs: 9 },
  {
    type: "run.failed",
    durationMs: 20,
    error: {
      ...{ code: "STEP_FAILED", exit: 7, message: "apt-get failed" },
      ...{ hint: "", lines: [], details: {} },
    },
  },
];

/** Returns the settings of a sink; the hub's URL has a path, to which that of traces is added. */
const settings = (more: object = {}) => ({ otlp: hub.url, ...more });

describe("otlp", () => {
  it("gets a run as a trace: phases and steps below it, actions below their step", async () => {
    const run = await place.run("r1", settings({ headers: { "X-Key": "k" } }));
    for (const event of [...STARTED, ...DONE]) run.emit(event);
    expect(await run.end()).toMatchObject({ kind: "otlp", delivered: 5, lost: 0 });
    expect(hub.accepted[0]).toMatchObject({
      method: "POST",
      url: "/events/v1/traces",
      headers: { "content-type": "application/json", "x-key": "k" },
    });
    const root = spanOf("build demo");
    expect(root).toMatchObject({ status: { code: 0 }, events: [{ name: "warning" }] });
    expect(root.parentSpanId).toBeUndefined();
    expect(valueOf(root.attributes, "vmbuild.run.id")).toBe("r1");
    const step = spanOf("step packages");
    expect([spanOf("boot").parentSpanId, step.parentSpanId]).toEqual([root.spanId, root.spanId]);
    const inside = [spanOf("action run"), spanOf("verify")];
    expect(inside.map(({ parentSpanId }) => parentSpanId)).toEqual([step.spanId, step.spanId]);
    const { startTimeUnixNano: start, endTimeUnixNano: end } = spanOf("verify");
    expect(BigInt(end) - BigInt(start)).toBe(2_000_000_000n);
    expect(new Set(spans().map(({ traceId }) => traceId)).size).toBe(1);
    const resource = traces()[0]?.resourceSpans[0]?.resource.attributes ?? [];
    expect(valueOf(resource, "service.name")).toBe("vmbuild");
  });

  it("marks what failed, and closes it", async () => {
    const run = await place.run("r1", settings());
    for (const event of [...STARTED, ...FAILED]) run.emit(event);
    expect(await run.end()).toMatchObject({ delivered: 4, lost: 0 });
    const failed = ["action run", "step packages", "build demo"].map((name) => spanOf(name));
    expect(failed.map(({ status }) => status.code)).toEqual([2, 2, 2]);
    const root = spanOf("build demo");
    expect(root.status.message).toBe("apt-get failed");
    expect(valueOf(root.attributes, "error.type")).toBe("STEP_FAILED");
  });

  it("ends what an interrupted run has left open", async () => {
    const run = await place.run("r1", settings());
    for (const event of STARTED) run.emit(event);
    await run.end();
    expect(spans().map(({ name }) => name)).toEqual(
      expect.arrayContaining(["action run", "step packages", "build demo"]),
    );
  });

  it("continues the trace of its caller", async () => {
    const [traceId, spanId] = ["0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"];
    const environment = { TRACEPARENT: `00-${traceId}-${spanId}-01` };
    const run = await place.run("r1", settings(), { environment });
    run.emit(note("one"));
    await run.end();
    expect(spanOf("build demo")).toMatchObject({ traceId, parentSpanId: spanId });
  });

  it.each([
    ["no parent", ""],
    ["zeros", `00-${"0".repeat(32)}-${"0".repeat(16)}-01`],
  ])("begins a trace where the caller's is not valid: %s", async (_, TRACEPARENT) => {
    const run = await place.run("r1", settings(), { environment: { TRACEPARENT } });
    run.emit(note("one"));
    await run.end();
    expect(spanOf("build demo").parentSpanId).toBeUndefined();
  });

  it("sends again what a collector did not accept, and masks secrets", async () => {
    hub.answers.push(503);
    const run = await place.run("r1", settings());
    run.secrets.add("t0psecret");
    for (const event of STARTED) run.emit(event);
    run.emit(note("the word is t0psecret"));
    expect(await run.end()).toMatchObject({ delivered: 4, lost: 0 });
    expect(hub.requests).toHaveLength(2);
    expect(hub.accepted[0]?.body).not.toContain("t0psecret");
    expect(run.reports).toMatchObject([
      { type: "warning", message: expect.stringContaining("answered 503") as string },
      { type: "sink.finished" },
    ]);
  });

  it("gives up after `drain`, and counts the spans that are lost", async () => {
    await hub.stop();
    const run = await place.run("r1", settings({ drain: "100ms" }));
    for (const event of STARTED) run.emit(event);
    expect(await run.end()).toMatchObject({ delivered: 0, lost: 4 });
  });
});
