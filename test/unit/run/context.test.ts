import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import type { EventBody } from "../../../src/events/types.js";
import { createContext, runInParallel } from "../../../src/run/context.js";
import { Meter } from "../../../src/run/meter.js";

/** Rejects when it is cancelled, with the reason. */
const untilCancelled = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
  });

describe("runInParallel", () => {
  const { signal } = new AbortController();

  it("returns the results in order", async () => {
    const results = await runInParallel<[number, string]>(signal, [
      () => Promise.resolve(1),
      () => Promise.resolve("two"),
    ]);
    expect(results).toEqual([1, "two"]);
  });

  it("throws the first failure, after it has cancelled and awaited the others", async () => {
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
    await expect(runInParallel(signal, works)).rejects.toBe(first);
    expect(tidied).toBe(true);
  });

  it("ends with the reason when the run is cancelled", async () => {
    const cancel = new AbortController();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    const running = runInParallel(cancel.signal, [untilCancelled, untilCancelled]);
    cancel.abort(reason);
    await expect(running).rejects.toBe(reason);
  });
});

describe("a phase", () => {
  /**
   * Creates a context with only the fields that a phase uses. The clock of its meter stands still
   * until a test moves it.
   */
  function contextOf() {
    let now = 0;
    const events: EventBody[] = [];
    const cancel = new AbortController();
    const meter = new Meter(() => now);
    const bus = { emit: (event: EventBody) => events.push(event) };
    const options = { bus, signal: cancel.signal };
    const context = createContext({ options, meter } as unknown as Parameters<
      typeof createContext
    >[0]);
    const pass = (ms: number) => () => {
      now += ms;
      return Promise.resolve("done");
    };
    return { context, events, cancel, meter, pass };
  }
  const typesOf = (events: readonly EventBody[]): string[] => events.map(({ type }) => type);

  it("is enclosed by two events, the second with a detail of its result", async () => {
    const { context, events, pass } = contextOf();
    const detail = (result: string): string => `it is ${result}`;
    expect(await context.phase("host", pass(1), { detail })).toBe("done");
    expect(events).toMatchObject([
      { type: "phase.started", phase: "host" },
      { type: "phase.finished", phase: "host", detail: "it is done" },
    ]);
  });

  it("counts as waiting, unless its work is vmbuild's own", async () => {
    const { context, meter, pass } = contextOf();
    await context.phase("boot", pass(1000));
    expect(meter.ownMs).toBe(0);
    const seed = async (): Promise<void> => {
      await pass(30)();
      await context.wait(pass(400));
    };
    await context.phase("seed", seed, { own: true });
    expect(meter.ownMs).toBe(30);
  });

  it("does not begin in a cancelled run", async () => {
    const { context, events, cancel } = contextOf();
    const reason = new VmbuildError("INTERRUPTED", "Interrupted");
    cancel.abort(reason);
    const never = (): Promise<never> => Promise.reject(new Error("it began"));
    await expect(context.phase("base", never)).rejects.toBe(reason);
    expect(events).toEqual([]);
  });

  it("fails with the cancellation where its error is a consequence of that", async () => {
    const { context, events, cancel } = contextOf();
    const reason = new VmbuildError("TERMINATED", "Terminated");
    const work = (): Promise<never> => {
      cancel.abort(reason);
      return Promise.reject(new VmbuildError("GUEST_LOST", "The connection closed"));
    };
    await expect(context.phase("connect", work)).rejects.toBe(reason);
    expect(typesOf(events)).toEqual(["phase.started"]);
  });

  it("fails with its own error otherwise", async () => {
    const { context } = contextOf();
    const error = new VmbuildError("INPUT_GIT", "No such ref");
    await expect(context.phase("inputs", () => Promise.reject(error))).rejects.toBe(error);
  });
});
