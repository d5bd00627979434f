import { describe, expect, it } from "vitest";
import { median, rotate } from "../../../bench/statistics.js";

describe("median", () => {
  it.each([
    [[3, 1, 2], 2, "an odd count: the middle one"],
    [[4, 1, 3, 2], 2.5, "an even count: between the two in the middle"],
    [[7], 7, "one"],
    [[10, 9, 1], 9, "by size, not by spelling"],
  ])("of %j is %d (%s)", (values, expected) => {
    expect(median(values)).toBe(expected);
  });

  it("of nothing is no number, which meets no target", () => {
    expect(median([])).toBeNaN();
  });
});

describe("rotate", () => {
  it("puts the one that was first last", () => {
    expect(rotate(["a", "b", "c"], 1)).toEqual(["b", "c", "a"]);
  });

  it("is where it was after as many rounds as there are entries", () => {
    expect(rotate(["a", "b", "c"], 3)).toEqual(["a", "b", "c"]);
    expect(rotate([], 2)).toEqual([]);
  });
});
