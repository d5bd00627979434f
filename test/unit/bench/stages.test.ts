import { describe, expect, it } from "vitest";
import {
  PACKER_MARKS,
  VIRT_CUSTOMIZE_MARKS,
  checkpointsOf,
  cutAtMarks,
  ownMsOf,
  parseEvent,
  phasesOf,
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

  it("reads Packer's words about a template in HCL, where the source has a name", () => {
    const packer = lines(
      [100, "==> null.seed: Running local shell script: /tmp/packer-shell1"],
      [300, "==> qemu.web: Copying hard drive..."],
      [900, "==> qemu.web: Starting VM, booting disk image"],
      [60_900, "==> qemu.web: Connected to SSH!"],
      [80_900, "==> qemu.web: Gracefully halting virtual machine..."],
    );
    const expected = { prepare: 900, boot: 60_000, steps: 20_000, stop: 100 };
    expect(cutAtMarks(PACKER_MARKS, packer, 81_000)).toEqual(expected);
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

  const step = (name: string, from: number, to: number): BuildEvent[] => [
    { type: "step.started", step: name, time: at(from) },
    { type: "step.finished", step: name, time: at(to), durationMs: to - from },
  ];

  it("gives phases that go on side by side the time from the first to the last", () => {
    const events = [
      ...phase("inputs", 0, 300),
      ...phase("base", 0, 100),
      ...phase("disk", 300, 400),
      ...phase("boot", 400, 500),
      ...phase("connect", 500, 900),
      ...step("a", 900, 2900),
      ...phase("seal", 2900, 3000),
    ];
    const expected = {
      prepare: 400,
      boot: 500,
      steps: 2000,
      checkpoints: 0,
      stop: 100,
      other: 200,
    };
    expect(stagesOfEvents(events, 3200)).toEqual(expected);
  });

  it("counts what lies between the ready guest, the steps and the seal as the checkpoints'", () => {
    const saved = { type: "checkpoint.saved", memoryBytes: 200, diskBytes: 10, durationMs: 100 };
    const events = [
      ...phase("connect", 0, 1000),
      { ...saved, time: at(1500) },
      ...step("a", 1700, 2700),
      { ...saved, time: at(3000) },
      ...step("b", 3000, 3500),
      ...phase("seal", 3600, 4000),
    ];
    const expected = { boot: 1000, steps: 1500, checkpoints: 1100, stop: 400, other: 50 };
    expect(stagesOfEvents(events, 4050)).toEqual(expected);
    const costs = { count: 2, ms: 1100, memoryBytes: 400, diskBytes: 20 };
    expect(checkpointsOf(events)).toEqual(costs);
  });

  it("has no checkpoints where none was saved", () => {
    expect(checkpointsOf(step("a", 0, 100))).toBeUndefined();
  });

  it("times each phase, those that come twice together, the steps, and the time between them", () => {
    const events = [
      ...phase("resume", 0, 1000),
      ...phase("connect", 1000, 1500),
      ...step("a", 1600, 2600),
      ...step("b", 2700, 3700),
      ...phase("seal", 4000, 5000),
      ...phase("seal", 5500, 5800),
    ];
    expect(phasesOf(events)).toEqual({
      ...{ resume: 1000, connect: 500, steps: 2000, seal: 1300, saving: 500 },
    });
    expect(phasesOf(phase("resolve", 0, 100))).toEqual({ resolve: 100 });
  });

  it("counts a phase that it does not know as other", () => {
    expect(stagesOfEvents(phase("polish", 0, 900), 1000)).toEqual({ other: 1000 });
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
