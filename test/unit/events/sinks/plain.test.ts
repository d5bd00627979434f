import { describe, expect, it } from "vitest";
import { createPlainSink } from "../../../../src/events/sinks/plain.js";
import type { EventBody } from "../../../../src/events/types.js";
import { RecordingStream, eventAt, output, runStarted } from "../support.js";

async function plain(
  events: readonly [number, EventBody, string?][],
  options: { color?: boolean; showBuild?: boolean } = {},
): Promise<string[]> {
  const stream = new RecordingStream();
  const sink = createPlainSink({ stream, ...options });
  for (const [at, body, build] of events) sink.handle(eventAt(at, body, build));
  await sink.close();
  return stream.lines;
}

function download(done: number, total: number | null): EventBody {
  return { type: "progress", task: "t", label: "base.qcow2", done, total, unit: "bytes" };
}

const MIB = 2 ** 20;

describe("plain lines", () => {
  it("report a build from start to end", async () => {
    const lines = await plain([
      [0, runStarted()],
      [0, { type: "phase.started", phase: "inputs" }],
      [4200, { type: "phase.finished", phase: "inputs", durationMs: 4200, detail: "3 inputs" }],
      [5000, { type: "warning", message: "KVM cannot be used", hint: "see `vmbuild doctor`" }],
      [6000, { type: "step.started", step: "hooks", index: 3, total: 8 }],
      [
        6000,
        { type: "action.started", step: "hooks", action: "run", index: 1, summary: "run: make" },
      ],
      [6100, output("cc -o hooks", { step: "hooks" })],
      [6200, output("linking", { source: "local" })],
      [
        6300,
        {
          type: "verify.finished",
          step: "hooks",
          command: "test -x hooks",
          ok: true,
          durationMs: 9,
        },
      ],
      [6400, { type: "step.finished", step: "hooks", index: 3, total: 8, durationMs: 400 }],
      [3_725_000, { type: "run.finished", durationMs: 3_725_000, ownMs: 800, result: {} }],
    ]);
    expect(lines).toEqual([
      "00:00  demo 1.0.0, run r1",
      "00:00    /runs/r1",
      "00:00  inputs",
      "00:04  inputs done (4.2s): 3 inputs",
      "00:05  warning: KVM cannot be used",
      "00:05    hint: see `vmbuild doctor`",
      "00:06  step [3/8] hooks",
      "00:06    > run: make",
      "00:06    | cc -o hooks",
      "00:06    local | linking",
      "00:06    verified: test -x hooks",
      "00:06  step [3/8] hooks done (400ms)",
      "1:02:05  done (1h 2m 5s)",
    ]);
  });

  it("report failures, retries and pauses", async () => {
    const error = {
      code: "STEP_FAILED",
      exit: 7,
      message: "it broke",
      hint: "",
      lines: [],
      details: {},
    } as const;
    const lines = await plain([
      [0, { type: "step.retried", step: "s", attempt: 2, of: 3, reason: "exit 1" }],
      [0, { type: "verify.finished", step: "s", command: "false", ok: false, durationMs: 1 }],
      [0, { type: "step.failed", step: "s", index: 1, total: 1, durationMs: 10 }],
      [0, { type: "paused", reason: "step s failed", release: "vmbuild ssh demo\nor press Enter" }],
      [1000, { type: "resumed" }],
      [1000, { type: "run.failed", durationMs: 1000, error }],
    ]);
    expect(lines).toEqual([
      "00:00  step s: attempt 2 of 3: exit 1",
      "00:00    verify failed: false",
      "00:00  step [1/1] s failed (10ms)",
      "00:00  paused: step s failed",
      "00:00    vmbuild ssh demo",
      "00:00    or press Enter",
      "00:01  resumed",
      "00:01  failed (1s): it broke",
    ]);
  });

  it("report progress at each tenth, with rate and time left", async () => {
    const events = Array.from({ length: 101 }, (_, index): [number, EventBody] => [
      index * 200,
      download(index * MIB, 100 * MIB),
    ]);
    const lines = await plain(events);
    expect(lines.map((line) => /(\d+)%/.exec(line)?.[1])).toEqual([
      "10",
      "20",
      "30",
      "40",
      "50",
      "60",
      "70",
      "80",
      "90",
      "100",
    ]);
    expect(lines[4]).toBe("00:10    base.qcow2 50% (50 MiB of 100 MiB, 5 MiB/s, 10s left)");
    expect(lines[9]).toBe("00:20    base.qcow2 100% (100 MiB of 100 MiB, 5 MiB/s)");
  });

  it("skip the tenths of a fast task, and report periodically without a total", async () => {
    const fast = Array.from({ length: 11 }, (_, index): [number, EventBody] => [
      index * 10,
      download(index, 10),
    ]);
    expect(await plain(fast)).toEqual(["00:00    base.qcow2 100% (10 B of 10 B)"]);
    const endless = Array.from({ length: 61 }, (_, index): [number, EventBody] => [
      index * 1000,
      download(index * MIB, null),
    ]);
    expect(await plain(endless)).toEqual([
      "00:30    base.qcow2 (30 MiB, 1 MiB/s)",
      "01:00    base.qcow2 (60 MiB, 1 MiB/s)",
    ]);
  });

  it("remove control characters of the guest, and use colour only on request", async () => {
    const events: [number, EventBody][] = [
      [0, output("\u001b[31mred\u001b[0m\u0007\u001b]0;title\u0007 done")],
      [0, { type: "warning", message: "odd \u001b[2J name" }],
    ];
    expect(await plain(events)).toEqual(["00:00    | red done", "00:00  warning: odd  name"]);
    expect((await plain(events, { color: true })).join()).toContain("\u001b[33mwarning: odd  name");
  });

  it("name the build where several share the stream, each with its own clock", async () => {
    const lines = await plain(
      [
        [0, { type: "note", message: "one" }, "a"],
        [5000, { type: "note", message: "two" }, "b"],
        [6000, { type: "note", message: "three" }, "a"],
      ],
      { showBuild: true },
    );
    expect(lines).toEqual(["00:00  a one", "00:00  b two", "00:06  a three"]);
  });
});
