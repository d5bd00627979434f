import { describe, expect, it } from "vitest";
import { Meter } from "../../../src/run/meter.js";

/** Creates a clock that stands still until a test moves it. Milliseconds. */
function stoppedClock() {
  let now = 1000;
  return {
    now: () => now,
    pass(ms: number) {
      now += ms;
    },
  };
}

describe("Meter", () => {
  it("counts waits that overlap once", async () => {
    const clock = stoppedClock();
    const meter = new Meter(clock.now);
    const work = (ms: number) => async (): Promise<number> => {
      await Promise.resolve();
      clock.pass(ms);
      return ms;
    };
    clock.pass(5);
    expect(await meter.waitFor(work(40))).toBe(40);
    await Promise.all([meter.waitFor(work(30)), meter.waitFor(() => meter.waitFor(work(20)))]);
    clock.pass(2);
    expect(meter.totalMs).toBe(97);
    expect(meter.ownMs).toBe(7);
  });

  it("counts a wait that fails", async () => {
    const clock = stoppedClock();
    const meter = new Meter(clock.now);
    const failing = meter.waitFor(async () => {
      clock.pass(10);
      return Promise.reject(new Error("no"));
    });
    await expect(failing).rejects.toThrow("no");
    expect(meter.ownMs).toBe(0);
  });

  it("counts a wait in progress", () => {
    const clock = stoppedClock();
    const meter = new Meter(clock.now);
    void meter.waitFor(() => new Promise<void>(() => {}));
    clock.pass(25);
    expect(meter.totalMs).toBe(25);
    expect(meter.ownMs).toBe(0);
  });
});
