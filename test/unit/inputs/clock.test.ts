import { describe, expect, it } from "vitest";
import { backoffMs } from "../../../src/inputs/clock.js";

describe("backoffMs", () => {
  it("doubles up to half a minute", () => {
    const longest = [1, 2, 3, 4, 5, 6, 60].map((failures) => backoffMs(failures, 1));
    expect(longest).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  });

  it("leaves out up to a half, at random", () => {
    expect([0, 0.5, 1].map((random) => backoffMs(1, random))).toEqual([500, 750, 1000]);
  });
});
