import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { together } from "../../../src/run/context.js";
import { Meter } from "../../../src/run/meter.js";
import { hostnameOf } from "../../../src/run/disk.js";

/** Ends when it is cancelled, with that reason. */
const untilCancelled = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });

describe("together", () => {
  const { signal } = new AbortController();

  it("gives every result in its place", async () => {
    const results = await together<[number, string]>(signal, [
      () => Promise.resolve(1),
      () => Promise.resolve("two"),
    ]);
    expect(results).toEqual([1, "two"]);
  });

  it("throws the first failure, and cancels and waits for the others", async () => {
    const first = new VmbuildError("INPUT_CHECKSUM", "first");
    let tidied = false;
    const works = [
      async (either: AbortSignal) => {
        try {
          await untilCancelled(either);
        } finally {
          await Promise.resolve();
          tidied = true;
        }
      },
      () => Promise.reject(first),
      async (either: AbortSignal) => {
        await untilCancelled(either).catch(() => {});
        throw new VmbuildError("INPUT_GIT", "a consequence");
      },
    ];
    await expect(together(signal, works)).rejects.toBe(first);
    expect(tidied).toBe(true);
  });

  it("ends with the reason when the run is cancelled", async () => {
    const cancel = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const running = together(cancel.signal, [untilCancelled, untilCancelled]);
    cancel.abort(reason);
    await expect(running).rejects.toBe(reason);
  });
});

describe("Meter", () => {
  it("counts time in which somebody else worked once, however many did", async () => {
    const meter = new Meter();
    const work = async (): Promise<number> => {
      const until = performance.now() + 40;
      while (performance.now() < until) await new Promise((resolve) => setImmediate(resolve));
      return 7;
    };
    expect(await meter.waitFor(work)).toBe(7);
    await Promise.all([meter.waitFor(work), meter.waitFor(() => meter.waitFor(work))]);
    expect(meter.totalMs).toBeGreaterThanOrEqual(80);
    // Counted twice, the waits would be longer than the run, and its own share negative.
    expect(meter.ownMs).toBeGreaterThanOrEqual(0);
    expect(meter.ownMs).toBeLessThan(meter.totalMs - 75);
  });

  it("counts a wait that fails, and one that goes on", async () => {
    const meter = new Meter();
    await meter.waitFor(() => Promise.reject(new Error("no"))).catch(() => {});
    let end = (): void => {};
    const waiting = meter.waitFor(() => new Promise<void>((resolve) => (end = resolve)));
    const own = meter.ownMs;
    await new Promise((resolve) => setImmediate(resolve));
    expect(meter.ownMs - own).toBeLessThan(0.5);
    end();
    await waiting;
  });
});

describe("hostnameOf", () => {
  it.each([
    ["demo", "demo"],
    ["SLM-Copilot", "slm-copilot"],
    ["a.b_c", "a-b-c"],
    ["1.0.", "1-0"],
    ["_", "vmbuild"],
    [`${"a".repeat(62)}.b`, "a".repeat(62)],
  ])("of %s is %s", (name, host) => {
    expect(hostnameOf(name)).toBe(host);
  });
});
