import { describe, expect, it } from "vitest";
import { z } from "zod";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import type { Guest } from "../../../src/guest/guest.js";
import type { GuestScript, ScriptEnd } from "../../../src/guest/script.js";
import { defineAction } from "../../../src/steps/action.js";
import type { ActionType } from "../../../src/steps/action.js";
import { runStep } from "../../../src/steps/step.js";
import { stepSchema } from "../../../src/steps/schema.js";
import { errorOf } from "../../support/inputs.js";

const OK: ScriptEnd = { exitCode: 0, signal: null, timedOut: false };

/** Creates a step in a guest whose commands end as `answer` says. */
function sandbox(answer: (script: string, attempt: number) => ScriptEnd | Promise<ScriptEnd>) {
  const events: EventBody[] = [];
  const log: string[] = [];
  const scripts: string[] = [];
  const cancel = new AbortController();
  const guest = {
    async run({ content, onLine }: GuestScript) {
      const script = content.toString().replace("set -e\n", "").trim();
      scripts.push(script);
      onLine?.(`printed by ${script}`, "stdout");
      return answer(script, scripts.filter((one) => one === script).length);
    },
  } as unknown as Guest;
  const context = {
    guest,
    emit: (event: EventBody) => void events.push(event),
    signal: cancel.signal,
    index: 2,
    total: 3,
    templateFolder: "/templates",
    outputFolder: "/outputs",
    log: { path: "/runs/steps/02-it.log", write: (line: string) => void log.push(line) },
  };
  const run = (step: object) => runStep(stepSchema.parse({ name: "it", ...step }), context);
  return { run, events, log, scripts, cancel, context };
}

const ends = (exitCode: number | null, more: Partial<ScriptEnd> = {}): ScriptEnd => ({
  ...OK,
  exitCode,
  ...more,
});

describe("runStep", () => {
  it("runs its actions in order, then its checks", async () => {
    const { run, events, scripts, log } = sandbox(() => OK);
    await run({ actions: [{ run: "one" }, { run: "two" }], verify: ["three"] });
    expect(scripts).toEqual(["one", "two", "three"]);
    expect(events.map(({ type }) => type)).toEqual([
      "step.started",
      ...["action.started", "output", "action.finished"],
      ...["action.started", "output", "action.finished"],
      ...["output", "verify.finished"],
      "step.finished",
    ]);
    expect(log).toContain("printed by two");
  });

  it("reports what its actions report", async () => {
    const { events, log, context } = sandbox(() => OK);
    const type = defineAction({
      name: "counts",
      summary: "",
      example: "",
      schema: z.unknown(),
      describe: () => "counts",
      run: (text, { onResult }) => Promise.resolve(onResult?.(String(text))),
    });
    const actions = ["2 ok", "3 ok"].map((value) => ({
      type: type as ActionType<never>,
      value,
      timeoutMs: undefined,
    }));
    await runStep({ ...stepSchema.parse({ name: "it" }), actions }, context);
    expect(events.at(-1)).toMatchObject({ type: "step.finished", detail: "2 ok; 3 ok" });
    expect(events.at(-2)).toMatchObject({ type: "action.finished", detail: "3 ok" });
    expect(log).toContain("# result: 2 ok");
  });

  it.each([
    [ends(3), "STEP_FAILED", "two failed with exit code 3"],
    [ends(null, { signal: "SEGV" }), "STEP_FAILED", "two was terminated by SIGSEGV"],
    [ends(null, { timedOut: true }), "STEP_TIMEOUT", "two exceeded its timeout of 1m"],
  ])("names what failed, how, the last lines and the log: %j", async (end, code, how) => {
    const { run, events } = sandbox((script) => (script === "two" ? end : OK));
    const error = await errorOf(
      run({ timeout: "1m", actions: [{ run: "one" }, { run: "two" }, { run: "three" }] }),
    );
    expect(error.code).toBe(code);
    expect(error.message).toBe(`Step "it", action 2 (run): ${how}`);
    expect(error.lines).toEqual(["printed by two"]);
    expect(error.details).toMatchObject({ step: "it", log: "/runs/steps/02-it.log" });
    expect(events.at(-1)).toMatchObject({ type: "step.failed", step: "it" });
  });

  it("retries from its first action, up to the given number of attempts", async () => {
    const { run, events, scripts } = sandbox((script, attempt) =>
      script === "two" && attempt < 3 ? ends(1) : OK,
    );
    await run({ retries: 2, actions: [{ run: "one" }, { run: "two" }] });
    expect(scripts).toEqual(["one", "two", "one", "two", "one", "two"]);
    expect(events.filter(({ type }) => type === "step.retried")).toMatchObject([
      { attempt: 2, of: 3 },
      { attempt: 3, of: 3 },
    ]);
  });

  it("retries after a failed check, and finally gives up", async () => {
    const { run, scripts } = sandbox((script) => (script === "check" ? ends(1) : OK));
    const step = { retries: 1, actions: [{ run: "one" }], verify: ["check"] };
    expect(await errorOf(run(step))).toMatchObject({ code: "VERIFY_FAILED", exitCode: 8 });
    expect(scripts).toEqual(["one", "check", "one", "check"]);
  });

  it("does not retry when the guest was lost, since its state is unknown", async () => {
    const { run, scripts } = sandbox(() => {
      throw new VmbuildError("GUEST_LOST", "lost");
    });
    const error = await errorOf(run({ retries: 5, actions: [{ run: "one" }] }));
    expect(error.code).toBe("GUEST_LOST");
    expect(scripts).toEqual(["one"]);
  });

  it("reports the cause of the run's end, not its effect on the action", async () => {
    const reason = new VmbuildError("MACHINE_DIED", "QEMU was terminated by SIGKILL");
    const { run, cancel } = sandbox(() => {
      cancel.abort(reason);
      throw new VmbuildError("GUEST_LOST", "lost");
    });
    await expect(run({ retries: 5, actions: [{ run: "one" }] })).rejects.toBe(reason);
  });

  it("runs every check, and lists all that fail", async () => {
    const { run, events } = sandbox((script) =>
      script === "b" ? ends(2) : script === "d" ? ends(null, { timedOut: true }) : OK,
    );
    const error = await errorOf(run({ verify: ["a", "b", "c", "d"] }));
    expect(error.message).toBe('Step "it": 2 of 4 checks failed');
    expect(error.lines).toEqual([
      "b  (exit code 2)",
      "  printed by b",
      "d  (timed out)",
      "  printed by d",
    ]);
    const verified = events.filter((event) => event.type === "verify.finished");
    expect(verified.map(({ ok }) => ok)).toEqual([true, false, true, false]);
  });

  it("waits until a command succeeds, and reports it when it never does", async () => {
    const patient = sandbox((_, attempt) => (attempt < 3 ? ends(1) : OK));
    await patient.run({ actions: [{ wait: "ready", every: "1ms" }] });
    expect(patient.scripts).toEqual(["ready", "ready", "ready"]);
    const vain = sandbox(() => ends(1));
    const error = await errorOf(
      vain.run({ actions: [{ wait: "ready", every: "1ms", timeout: "30ms" }] }),
    );
    expect(error).toMatchObject({ code: "STEP_TIMEOUT" });
    expect(error.message).toContain("waiting for: ready exceeded its timeout of 30ms");
    expect(error.lines).toContain("printed by ready");
  });
});

describe("skipIf", () => {
  it("skips the actions when it succeeds, and runs the checks", async () => {
    const { run, scripts, events } = sandbox(() => OK);
    const end = await run({ skipIf: "is-there", actions: [{ run: "one" }], verify: ["check"] });
    expect(end).toMatchObject({ skipped: "skipIf" });
    expect(scripts).toEqual(["is-there", "check"]);
    expect(events.at(-1)).toMatchObject({ type: "step.skipped", step: "it", reason: "skipIf" });
  });

  it("runs the actions when it fails, and does not ask again before a retry", async () => {
    const { run, scripts } = sandbox((script, attempt) =>
      script === "one" && attempt === 2 ? OK : ends(1),
    );
    const end = await run({ skipIf: "is-there", actions: [{ run: "one" }], retries: 1 });
    expect(end.skipped).toBeUndefined();
    expect(scripts).toEqual(["is-there", "one", "one"]);
  });

  it("fails the step when it succeeds and a check fails", async () => {
    const { run, events } = sandbox((script) => (script === "check" ? ends(1) : OK));
    const step = { skipIf: "is-there", actions: [{ run: "one" }], verify: ["check"], retries: 3 };
    await expect(errorOf(run(step))).resolves.toMatchObject({ code: "VERIFY_FAILED" });
    expect(events.map(({ type }) => type).slice(-1)).toEqual(["step.failed"]);
  });

  it("fails the step when it does not end", async () => {
    const { run } = sandbox(() => ends(null, { timedOut: true }));
    await expect(errorOf(run({ skipIf: "sleep 1d" }))).resolves.toMatchObject({
      code: "STEP_TIMEOUT",
      details: { step: "it" },
    });
  });
});

describe("skipSatisfied", () => {
  it("skips the actions of a step whose checks succeed, without their events", async () => {
    const { context, events, scripts } = sandbox(() => OK);
    const step = stepSchema.parse({ name: "it", actions: [{ run: "one" }], verify: ["check"] });
    const end = await runStep(step, { ...context, skipSatisfied: true });
    expect(end).toMatchObject({ skipped: "verify" });
    expect(scripts).toEqual(["check"]);
    expect(events.map(({ type }) => type)).toEqual(["step.started", "step.skipped"]);
  });

  it("runs a step without checks, and one whose checks fail", async () => {
    const { context, scripts } = sandbox((script, attempt) =>
      script === "check" && attempt === 1 ? ends(1) : OK,
    );
    const options = { ...context, skipSatisfied: true };
    await runStep(stepSchema.parse({ name: "it", actions: [{ run: "one" }] }), options);
    const checked = stepSchema.parse({ name: "it", actions: [{ run: "two" }], verify: ["check"] });
    await runStep(checked, options);
    expect(scripts).toEqual(["one", "check", "two", "check"]);
  });
});
