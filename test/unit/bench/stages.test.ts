import { describe, expect, it } from "vitest";
import {
  PACKER_MARKS,
  VIRT_CUSTOMIZE_MARKS,
  checkpointsOf,
  cutAtMarks,
  ownMsOf,
  parseEvent,
  stagesOfEvents,
} from "../../../bench/stages.js";
import type { BuildEvent, TimedLine } from "../../../bench/stages.js";

const lines = (...all: [number, string][]): TimedLine[] =>
  all.map(([atMs, text]) => ({ atMs, text }));

describe("cutAtMarks", () => {
  it("reads Packer's own words", () => {
    const packer = lines(
      [100, "==> qemu: Copying hard drive..."],
      [900, "==> qemu: Starting VM, booting disk image"],
      [950, "==> qemu: Waiting for SSH to become available..."],
      [40_900, "==> qemu: Connected to SSH!"],
      [41_000, "    qemu: Converting hard drive... (a step prints what it likes)"],
      [70_900, "==> qemu: Gracefully halting virtual machine..."],
      [72_900, "==> qemu: Converting hard drive..."],
      [90_900, "==> qemu: Running post-processor: checksum"],
    );
    expect(cutAtMarks(PACKER_MARKS, packer, 92_000)).toEqual({
      prepare: 900,
      boot: 40_000,
      steps: 30_000,
      stop: 2000,
      compact: 18_000,
      digest: 1100,
    });
  });

  it("reads virt-customize's", () => {
    const customize = lines(
      [10, "[   0.0] Examining the guest ..."],
      [24_010, "[  24.0] Setting a random seed"],
      [24_510, "[  24.5] Running: apt-get update"],
      [50_010, "[  50.0] Finishing off"],
    );
    expect(cutAtMarks(VIRT_CUSTOMIZE_MARKS, customize, 51_000)).toEqual({
      prepare: 10,
      boot: 24_000,
      steps: 26_000,
      stop: 990,
    });
  });

  it("counts all as prepare where nothing was said", () => {
    expect(cutAtMarks(PACKER_MARKS, [], 5)).toEqual({ prepare: 5 });
  });
});

describe("vmbuild's events", () => {
  const at = (ms: number): string => new Date(1_700_000_000_000 + ms).toISOString();
  const phase = (name: string, from: number, to: number): BuildEvent[] => [
    { type: "phase.started", phase: name, time: at(from) },
    { type: "phase.finished", phase: name, time: at(to), durationMs: to - from },
  ];

  it("gives phases that go on side by side the time from the first to the last", () => {
    const events = [
      ...phase("inputs", 0, 300),
      ...phase("base", 0, 100),
      ...phase("disk", 300, 400),
      ...phase("boot", 400, 500),
      ...phase("connect", 500, 900),
      { type: "step.started", step: "a", time: at(900) },
      { type: "step.finished", step: "a", time: at(1900) },
      { type: "step.started", step: "b", time: at(1950) },
      { type: "step.finished", step: "b", time: at(2900) },
    ];
    expect(stagesOfEvents(events, 3200)).toEqual({
      prepare: 400,
      boot: 500,
      steps: 2000,
      other: 300,
    });
  });

  it("takes saving checkpoints out of the steps between which it happened", () => {
    const events = [
      { type: "checkpoint.saved", durationMs: 700, time: at(700) },
      { type: "step.started", step: "a", time: at(700) },
      { type: "step.finished", step: "a", time: at(2000) },
      { type: "checkpoint.saved", durationMs: 500, time: at(2500) },
      { type: "step.started", step: "b", time: at(2500) },
      { type: "step.finished", step: "b", time: at(3000) },
    ];
    expect(stagesOfEvents(events, 3500)).toEqual({ checkpoints: 1200, steps: 1800, other: 500 });
  });

  it("counts a phase that it does not know as other", () => {
    expect(stagesOfEvents(phase("polish", 0, 900), 1000)).toEqual({ other: 1000 });
  });

  it("adds up what saving checkpoints took", () => {
    const saved = { type: "checkpoint.saved", durationMs: 800, memoryBytes: 200, diskBytes: 10 };
    expect(checkpointsOf([saved, { ...saved, durationMs: 1200 }])).toEqual({
      count: 2,
      ms: 2000,
      memoryBytes: 400,
      diskBytes: 20,
    });
    expect(checkpointsOf([{ type: "note" }])).toBeUndefined();
  });

  it("finds the own share of a run that ended well", () => {
    expect(ownMsOf([{ type: "run.finished", ownMs: 640 }])).toBe(640);
    expect(ownMsOf([{ type: "run.failed" }])).toBeUndefined();
  });

  it("passes over lines that are no events", () => {
    expect(parseEvent("Warning: something of Node's")).toBeUndefined();
    expect(parseEvent('{"level":3}')).toBeUndefined();
    expect(parseEvent('{"type":"note"}')).toEqual({ type: "note" });
  });
});
