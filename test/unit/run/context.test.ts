import { describe, expect, it } from "vitest";
import { VmbuildError } from "../../../src/errors.js";
import { together } from "../../../src/run/context.js";

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
