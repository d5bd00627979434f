import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createTerminalSink } from "../../../../src/events/sinks/terminal.js";
import type { EventBody, Sink } from "../../../../src/events/types.js";
import { START, Terminal, eventAt, output, runStarted } from "../support.js";

// Only the clock and the redraw timer are fake.
beforeEach(
  () => void vi.useFakeTimers({ now: START, toFake: ["setInterval", "clearInterval", "Date"] }),
);
afterEach(() => void vi.useRealTimers());

interface Show {
  readonly terminal: Terminal;
  readonly sink: Sink;
  readonly emit: (body: EventBody, build?: string) => void;
  readonly pass: (milliseconds: number) => void;
}

function show(
  columns = 80,
  options: { showBuild?: boolean; unicode?: boolean; color?: boolean } = {},
): Show {
  const terminal = new Terminal();
  terminal.columns = columns;
  const sink = createTerminalSink({ stream: terminal, color: true, ...options });
  return {
    terminal,
    sink,
    emit: (body, build) => sink.handle(eventAt(Date.now() - START, body, build)),
    pass: (milliseconds) => void vi.advanceTimersByTime(milliseconds),
  };
}

const step = { step: "one-context", index: 2, total: 8 };

function failure(lines: readonly string[]): EventBody {
  return {
    type: "run.failed",
    durationMs: 1000,
    error: { code: "STEP_FAILED", exit: 7, message: "it broke", hint: "", lines, details: {} },
  };
}

describe("the live terminal", () => {
  it("retains what is done and redraws what is in progress, with running time", async () => {
    const { terminal, sink, emit, pass } = show();
    emit(runStarted());
    emit({ type: "phase.started", phase: "inputs" });
    pass(4200);
    emit({ type: "phase.finished", phase: "inputs", durationMs: 4200, detail: "3 inputs" });
    emit({ type: "step.started", ...step });
    emit({
      type: "action.started",
      step: step.step,
      action: "run",
      index: 1,
      summary: "run: apt-get",
    });
    emit(output("Setting up one-context", { step: step.step }));
    pass(61_000);
    expect(terminal.screen).toMatch(
      new RegExp(
        [
          "^demo 1.0.0",
          " ✓ {4}4.2s  inputs    3 inputs",
          " . {4}1m 1s  \\[2/8\\] one-context".replace("{4}", "{3}"),
          " {12}run: apt-get",
          " {12}│ Setting up one-context",
          " {12}total 1m 5s$",
        ].join("\n"),
      ),
    );
    emit({ type: "step.finished", ...step, durationMs: 61_000 });
    emit({ type: "run.finished", durationMs: 65_200, ownMs: 800, result: {} });
    await sink.close();
    expect(terminal.screen).toBe(
      ["demo 1.0.0", " ✓    4.2s  inputs    3 inputs", " ✓   1m 1s  [2/8] one-context"].join("\n"),
    );
  });

  it("hides the cursor only while it draws, and shows it on close", async () => {
    const { terminal, sink, emit, pass } = show();
    expect(terminal.cursorShown).toBe(true);
    emit({ type: "phase.started", phase: "boot" });
    pass(100);
    expect(terminal.cursorShown).toBe(false);
    await sink.close();
    await sink.close();
    expect(terminal.cursorShown).toBe(true);
    expect(terminal.screen).toBe("");
    expect(terminal.listenerCount("resize")).toBe(0);
  });

  it("shows the cursor when the process ends without closing", () => {
    const { terminal, emit, pass } = show();
    const before = new Set(process.listeners("exit"));
    emit({ type: "phase.started", phase: "boot" });
    pass(100);
    expect(terminal.cursorShown).toBe(false);
    for (const listener of before) if (listener.name === "runActs") listener(0);
    expect(terminal.cursorShown).toBe(true);
  });

  it("shows several tasks at once, with bar, rate and time left", () => {
    const { terminal, emit, pass } = show(120);
    emit({ type: "phase.started", phase: "inputs" });
    const MIB = 2 ** 20;
    for (let second = 0; second <= 4; second++) {
      emit({
        type: "progress",
        task: "a",
        label: "model.gguf",
        done: second * 50 * MIB,
        total: 1000 * MIB,
        unit: "bytes",
      });
      emit({
        type: "progress",
        task: "b",
        label: "packages",
        done: second * MIB,
        total: null,
        unit: "bytes",
      });
      if (second < 4) pass(1000);
    }
    pass(100);
    expect(terminal.screen).toMatch(
      /model\.gguf {2}━+─+ {2}20% {2}200 MiB of 1000 MiB {2}4\d\.\d MiB\/s {2}17s left/,
    );
    expect(terminal.screen).toMatch(/packages {4}4 MiB/);
    emit({
      type: "progress",
      task: "a",
      label: "model.gguf",
      done: 1000 * MIB,
      total: 1000 * MIB,
      unit: "bytes",
    });
    pass(100);
    expect(terminal.screen).not.toContain("model.gguf");
  });

  it.each([20, 40, 60, 80, 200])("never draws a live line wider than %i columns", (columns) => {
    const { terminal, emit, pass } = show(columns);
    emit({ type: "phase.started", phase: "inputs", detail: "x".repeat(300) });
    emit({ type: "step.started", step: "日本".repeat(40), index: 1, total: 2 });
    emit(output("long ".repeat(100)));
    emit({
      type: "progress",
      task: "a",
      label: "y".repeat(90),
      done: 5,
      total: 100,
      unit: "bytes",
    });
    pass(3000);
    const lines = terminal.screen.split("\n");
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line.length).toBeLessThan(columns);
  });

  it("leaves nothing behind when the terminal is resized", async () => {
    const { terminal, sink, emit, pass } = show(80);
    emit({ type: "phase.started", phase: "boot" });
    emit(output("console ".repeat(12)));
    pass(100);
    terminal.columns = 50;
    // A terminal that reflows wraps the lines that are wider than it is now.
    const reflowed = terminal.screen.split("\n").map((line) => Math.ceil(line.length / 50));
    terminal.text = "";
    terminal.emit("resize");
    const rows = reflowed.reduce((sum, count) => sum + count, 0);
    expect(terminal.text).toContain(`\u001b[${rows}A\r\u001b[J`);
    await sink.close();
  });

  it("shows complete warnings and notes above the live area", () => {
    const { terminal, emit, pass } = show(40);
    emit({ type: "phase.started", phase: "boot" });
    pass(100);
    const message = "KVM is there but cannot run a guest; emulation is used";
    emit({ type: "warning", message, hint: "`vmbuild doctor` says how to mend it" });
    emit({ type: "note", message: "continuing after step 3" });
    pass(5000);
    expect(terminal.screen.split("\n").slice(0, 4)).toEqual([
      " ! KVM is there but cannot run a guest;",
      "   emulation is used",
      "   `vmbuild doctor` says how to mend it",
      " · continuing after step 3",
    ]);
    expect(terminal.screen).toMatch(/5s {2}boot/);
  });

  it("stops redrawing while paused: last lines, how to resume, a cursor", () => {
    const { terminal, emit, pass } = show();
    emit({ type: "step.started", ...step });
    for (let index = 0; index < 30; index++) emit(output(`line ${index}`));
    emit({ type: "step.failed", ...step, durationMs: 1200 });
    emit({
      type: "paused",
      reason: "step one-context failed",
      release: "vmbuild ssh demo\nEnter goes on",
    });
    const paused = terminal.screen;
    expect(paused).toContain(" ✗    1.2s  [2/8] one-context\n            │ line 18\n");
    expect(paused).toContain(
      "│ line 29\n\n ‖ paused: step one-context failed\n   vmbuild ssh demo\n   Enter goes on",
    );
    expect(terminal.cursorShown).toBe(true);
    const { writes } = terminal;
    pass(10_000);
    expect(terminal.writes).toBe(writes);
    emit({ type: "resumed" });
    emit({ type: "phase.started", phase: "shutdown" });
    pass(100);
    expect(terminal.screen).toContain(" · resumed\n");
    expect(terminal.cursorShown).toBe(false);
  });

  it("shows what was in progress when a run fails, and last lines unless the error has them", () => {
    const quoted = show();
    const bare = show();
    for (const { emit } of [quoted, bare]) {
      emit({ type: "phase.started", phase: "connect" });
      emit(output("Kernel panic", { source: "console" }));
    }
    quoted.emit(failure(["Kernel panic"]));
    bare.emit(failure([]));
    expect(quoted.terminal.screen).toBe(" ✗      0s  connect");
    expect(bare.terminal.screen).toBe(" ✗      0s  connect\n            │ Kernel panic");
  });

  it("removes control characters of a guest", () => {
    const { terminal, emit, pass } = show();
    const evil = "\u001b[2J\u001b]0;title\u0007\u009b31m\u0008\u001bcred\ttext";
    emit({ type: "phase.started", phase: "boot", detail: evil });
    emit({ type: "step.started", step: evil, index: 1, total: 1 });
    emit({ type: "action.started", step: evil, action: "run", index: 1, summary: evil });
    emit({ type: "progress", task: "t", label: evil, done: 1, total: 2, unit: "bytes" });
    emit(output(evil));
    pass(200);
    emit({ type: "warning", message: evil, hint: evil });
    emit({ type: "step.failed", step: evil, index: 1, total: 1, durationMs: 1 });
    emit({ type: "paused", reason: evil, release: evil });
    // The terminal of these tests throws at any control character.
    expect(terminal.screen).toContain("text");
  });

  it("draws ten times a second, regardless of the amount of output", () => {
    const { terminal, emit, pass } = show();
    emit({ type: "phase.started", phase: "boot" });
    terminal.writes = 0;
    for (let index = 0; index < 10_000; index++) emit(output(`line ${index}`));
    expect(terminal.writes).toBe(0);
    pass(1000);
    expect(terminal.writes).toBeLessThanOrEqual(10);
    expect(terminal.screen).toContain("line 9999");
  });

  it("writes no colour when it is off, and ASCII where the locale has no more", () => {
    const { terminal, emit, pass } = show(80, { color: false, unicode: false });
    emit({ type: "phase.finished", phase: "boot", durationMs: 10 });
    emit({ type: "phase.started", phase: "connect" });
    pass(100);
    expect(terminal.text).not.toMatch(/\u001b\[\d+m/); // eslint-disable-line no-control-regex
    expect(terminal.screen).toMatch(/^ \+ {4}10ms {2}boot\n [|/\\-] {6}0s {2}connect/);
  });

  it("shows several builds side by side", () => {
    const { terminal, emit, pass } = show(80, { showBuild: true });
    emit({ type: "phase.started", phase: "boot" }, "a");
    emit({ type: "phase.started", phase: "compact" }, "b");
    pass(100);
    emit({ type: "phase.finished", phase: "boot", durationMs: 100 }, "a");
    expect(terminal.screen).toMatch(/^ ✓ {3}100ms {2}a {2}boot\n . {6}0s {2}b {2}compact/);
  });
});
