import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { Guest } from "../../../src/guest/guest.js";
import type { SystemState } from "../../../src/guest/system-state.js";
import type { ScriptEnd } from "../../../src/guest/script.js";
import type { ActionContext } from "../../../src/steps/action.js";
import { runInGuest } from "../../../src/steps/run-in-guest.js";
import { errorOf } from "../../support/inputs.js";

const OK: ScriptEnd = { exitCode: 0, signal: null, timedOut: false };
const GOING: SystemState = { pendingShutdown: { kind: "reboot", at: undefined } };

/** Runs a script with this end in a guest with this pending shutdown. */
function run(
  content: string,
  end: ScriptEnd | VmbuildError,
  state: SystemState | VmbuildError = {},
) {
  const settle = <T>(value: T | VmbuildError): Promise<T> =>
    value instanceof VmbuildError ? Promise.reject(value) : Promise.resolve(value);
  const guest = { run: () => settle(end), systemState: () => settle(state) } as unknown as Guest;
  const context = { guest, timeoutMs: 1000, environment: {}, onLine: () => {} };
  const script = { what: "it", content, interpreter: ["/bin/sh"] };
  return runInGuest(context as unknown as ActionContext, script);
}

describe("the exit codes of a script", () => {
  const runWith = (exitCode: number, exitCodes: number[]): Promise<void> => {
    const guest = { run: () => Promise.resolve({ ...OK, exitCode }) } as unknown as Guest;
    const context = { guest, timeoutMs: 1000, environment: {}, onLine: () => {} };
    const script = { what: "it", content: "x", interpreter: ["/bin/sh"], exitCodes };
    return runInGuest(context as unknown as ActionContext, script);
  };

  it("are those that the template accepts, which need not include 0", async () => {
    await runWith(2, [0, 2]);
    await runWith(0, [0, 2]);
    const error = await errorOf(runWith(0, [3]));
    expect(error).toMatchObject({ code: "STEP_FAILED", details: { exitCode: 0 } });
    expect(error.message).toBe("it failed with exit code 0 (accepted: 3)");
  });
});

describe("a script that ends the system", () => {
  it.each([
    "reboot",
    "systemctl reboot",
    "shutdown -r now",
    "poweroff",
    "halt",
    "init 6",
    "telinit 0",
  ])("is no success: %s", async (content) => {
    const error = await errorOf(run(content, OK, GOING));
    expect(error).toMatchObject({ code: "GUEST_LOST", details: { ending: "reboot" } });
    expect(error.message).toBe("it: the guest is restarting");
    expect(error.hint).toContain("reboot action");
  });

  it("is recognized by the signal that ends it", async () => {
    const error = await errorOf(run("./install", { ...OK, exitCode: null, signal: "TERM" }, GOING));
    expect(error).toMatchObject({ code: "GUEST_LOST", details: { ending: "reboot" } });
  });

  it("gets the hint where the connection is lost first", async () => {
    const lost = new VmbuildError("GUEST_LOST", "The connection was lost");
    for (const [end, state] of [
      [lost, {}],
      [OK, lost],
    ] as const) {
      const error = await errorOf(run("reboot", end, state));
      expect(error).toMatchObject({ code: "GUEST_LOST", message: "The connection was lost: it" });
      expect(error.hint).toContain("reboot action");
    }
    expect(await errorOf(run("true", lost))).toBe(lost);
  });

  it("fails with its own error where the guest no longer answers", async () => {
    const mute = new VmbuildError("GUEST_SHELL", "mute");
    const error = await errorOf(run("reboot", { ...OK, exitCode: 3 }, mute));
    expect(error.message).toBe("it failed with exit code 3");
  });

  it("is not recognized by its text alone", async () => {
    await run("echo reboot later", OK);
    const error = await errorOf(run("reboot --help", { ...OK, exitCode: 1 }));
    expect(error.code).toBe("STEP_FAILED");
  });
});
