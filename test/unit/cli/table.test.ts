import { describe, expect, it } from "vitest";
import { createStyle } from "../../../src/events/sinks/style.js";
import { formatAge } from "../../../src/cli/list.js";
import { alignRows } from "../../../src/cli/table.js";

describe("a table", () => {
  it("aligns its columns by visible width, without trailing spaces", () => {
    const { green } = createStyle(true);
    const [first, second, third] = alignRows([
      ["a", green("ok"), "x"],
      ["longer", "failed", ""],
      ["日本", "", "y"],
    ]);
    expect(first).toBe(`a       ${green("ok")}      x`);
    expect(second).toBe("longer  failed");
    expect(third).toBe("日本            y");
  });

  it("cuts lines to a width", () => {
    expect(alignRows([["name", "a long text"]], 10)).toEqual(["name  a l…"]);
  });
});

describe("an age", () => {
  it.each([
    [0, "just now"],
    [59_000, "just now"],
    [60_000, "1m ago"],
    [3_599_000, "59m ago"],
    [7_200_000, "2h ago"],
    [200_000_000, "2d ago"],
  ])("of %d ms is %s", (milliseconds, text) => {
    expect(formatAge(milliseconds)).toBe(text);
  });
});
