import { describe, expect, it } from "vitest";
import { createSummary } from "../../../../src/events/sinks/summary.js";
import type { RunResult } from "../../../../src/events/result.js";
import type { EventBody } from "../../../../src/events/types.js";
import { eventAt, runStarted } from "../support.js";

function summarize(events: readonly EventBody[], columns = 80): string {
  const summary = createSummary();
  for (const body of events) summary.handle(eventAt(0, body));
  return summary.render({ color: false, columns });
}

const result: RunResult = {
  name: "demo",
  version: "1.0.0",
  upToDate: false,
  artifact: {
    path: "/out/demo.qcow2",
    size: 279_600_000,
    virtualSize: 50 * 2 ** 30,
    checksums: { sha256: "ab".repeat(32), md5: "cd".repeat(16) },
  },
  manifest: "/out/manifest.json",
  runFolder: "/runs/r1",
  steps: [],
  warnings: [],
  hints: ["Open a shell: vmbuild ssh demo"],
};

describe("the summary of a build", () => {
  it("shows every image with its checksums", () => {
    const other = { path: "/out/demo.ova", size: 2 ** 20, virtualSize: 2 ** 30 };
    const otherArtifacts = [{ ...other, checksums: { sha256: "ef".repeat(32) } }];
    const end = { type: "run.finished", durationMs: 1, ownMs: 1 } as const;
    const text = summarize([runStarted(), { ...end, result: { ...result, otherArtifacts } }]);
    expect(text).toContain(
      [
        `  md5       ${"cd".repeat(16)}`,
        "  image     /out/demo.ova  (1 MiB, 1 GiB disk)",
        `  sha256    ${"ef".repeat(32)}`,
        "  manifest  /out/manifest.json",
      ].join("\n"),
    );
  });

  it("shows times, own share, the image, and all warnings", () => {
    const text = summarize([
      runStarted(),
      { type: "phase.finished", phase: "inputs", durationMs: 4200 },
      { type: "warning", message: "KVM cannot be used", hint: "see `vmbuild doctor`" },
      { type: "warning", message: "KVM cannot be used", hint: "see `vmbuild doctor`" },
      { type: "phase.finished", phase: "boot", durationMs: 250 },
      { type: "step.finished", step: "one-context", index: 1, total: 2, durationMs: 41_200 },
      {
        type: "step.finished",
        step: "cleanup",
        index: 2,
        total: 2,
        durationMs: 900,
        detail: "2 ok, 1 changed, 0 failed",
      },
      { type: "phase.finished", phase: "seal", durationMs: 4000 },
      { type: "phase.finished", phase: "boot", durationMs: 250 },
      { type: "run.finished", durationMs: 67_000, ownMs: 812, result },
    ]);
    expect(text.split("\n")).toEqual([
      "demo 1.0.0 built in 1m 7s",
      "",
      "  inputs          4.2s",
      "  boot           500ms",
      "    one-context  41.2s",
      "    cleanup      900ms  2 ok, 1 changed, 0 failed",
      "  seal              4s",
      "  vmbuild's own share: 0.8s",
      "",
      "  image     /out/demo.qcow2  (266.6 MiB, 50 GiB disk)",
      `  sha256    ${"ab".repeat(32)}`,
      `  md5       ${"cd".repeat(16)}`,
      "  manifest  /out/manifest.json",
      "  run       /runs/r1",
      "",
      "  Open a shell: vmbuild ssh demo",
      "",
      "warning: KVM cannot be used",
      "  see `vmbuild doctor`",
    ]);
  });

  it("is short when nothing has changed", () => {
    const finished = { type: "run.finished", durationMs: 120, ownMs: 120 } as const;
    const text = summarize([runStarted(), { ...finished, result: { ...result, upToDate: true } }]);
    expect(text).toMatch(/^demo 1\.0\.0 is up to date \(checked in 120ms\)\n\n {2}image /);
    expect(text).not.toContain("own share");
  });

  it.each([null, undefined, 7, "x", { artifact: [], hints: 3 }, { artifact: { size: "big" } }])(
    "accepts a result of %j",
    (odd) => {
      const finished = { type: "run.finished", durationMs: 1000, ownMs: 0, result: odd } as const;
      expect(summarize([runStarted(), finished])).toMatch(/^demo 1\.0\.0 built in 1s/);
    },
  );
});

describe("the report of a failure", () => {
  const failed: EventBody = {
    type: "run.failed",
    durationMs: 18_000,
    error: {
      code: "STEP_FAILED",
      exit: 7,
      message: "step one-context: install.sh failed with exit 3",
      hint: "Read the step's log.",
      lines: ["+ install", "\u001b[31minstall: \u001b[0mread-only file system"],
      details: { log: "/runs/r1/steps/02-one-context.log" },
    },
  };

  it("shows code, message, last lines, hint, log and run folder", () => {
    expect(summarize([runStarted(), failed]).split("\n")).toEqual([
      "error: step one-context: install.sh failed with exit 3 [STEP_FAILED]",
      "  + install",
      "  install: read-only file system",
      "hint: Read the step's log.",
      "log:  /runs/r1/steps/02-one-context.log",
      "run:  /runs/r1",
      "demo failed after 18s",
    ]);
  });

  it("puts warnings first, so that the error is last on the screen", () => {
    const warning = {
      type: "warning",
      message: "a very long warning that has to be wrapped",
    } as const;
    const lines = summarize([runStarted(), warning, failed], 40).split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "warning: a very long warning that has",
      "to be wrapped",
      "",
    ]);
    expect(lines[3]).toMatch(/^error:/);
  });

  it("is empty for a run that has not ended", () => {
    expect(summarize([runStarted()])).toBe("");
  });
});
