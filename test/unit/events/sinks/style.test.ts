import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createStyle } from "../../../../src/events/sinks/style.js";

/** The codes of ECMA-48, 8.3.117. */
const CODES = [
  ["bold", 1, 22],
  ["dim", 2, 22],
  ["red", 31, 39],
  ["green", 32, 39],
  ["yellow", 33, 39],
  ["cyan", 36, 39],
] as const;

// The caller decides, not the test's own stdout or the environment.
describe.each([
  ["", ""],
  ["1", ""],
  ["", "1"],
])("colours with NO_COLOR=%j and FORCE_COLOR=%j", (noColor, forceColor) => {
  beforeEach(() => {
    vi.stubEnv("NO_COLOR", noColor);
    vi.stubEnv("FORCE_COLOR", forceColor);
  });
  afterEach(() => void vi.unstubAllEnvs());

  it.each(CODES)("%s is put on and off", (name, on, off) => {
    expect(createStyle(true)[name]("text")).toBe(`\u001b[${on}mtext\u001b[${off}m`);
    expect(createStyle(false)[name]("text")).toBe("text");
  });

  it("leave an empty text empty, and nest", () => {
    const { bold, red } = createStyle(true);
    expect(red("")).toBe("");
    expect(bold(red("x"))).toBe("\u001b[1m\u001b[31mx\u001b[39m\u001b[22m");
  });
});
