import { describe, expect, it } from "vitest";
import {
  cleanText,
  cutText,
  displayWidth,
  padText,
  wrapText,
} from "../../../../src/events/sinks/text.js";
import { formatClock, formatElapsed } from "../../../../src/events/sinks/clock.js";

describe("cleanText", () => {
  it.each([
    ["colours", "\u001b[1;32mgreen\u001b[0m text", "green text"],
    ["cursor movements", "a\u001b[2J\u001b[10;5Hb", "ab"],
    ["a title", "\u001b]0;evil\u0007text", "text"],
    ["a link", "\u001b]8;;https://x\u001b\\text\u001b]8;;\u001b\\", "text"],
    ["8-bit controls", "a\u009b31mb", "ab"],
    ["a lone escape", "a\u001b", "a"],
    ["bells and backspaces", "a\u0007\bb\u0000", "ab"],
    ["tabs", "a\tb", "a  b"],
    ["text that runs backwards", "a\u202eb\u2066c", "abc"],
    ["line separators", "a\u2028b\u0085c", "abc"],
    ["nothing of plain text", "grüße 🎉 日本", "grüße 🎉 日本"],
  ])("takes out %s", (_, text, clean) => {
    expect(cleanText(text)).toBe(clean);
  });
});

describe("widths", () => {
  it("count columns, not characters", () => {
    expect(displayWidth("abc")).toBe(3);
    expect(displayWidth("日本")).toBe(4);
    expect(displayWidth("🎉")).toBe(2);
    expect(displayWidth("e\u0301")).toBe(1);
    expect(padText("日", 4)).toBe("日  ");
  });

  const family = "👨\u200d👩\u200d👧\u200d👦";
  const rainbow = "🏳\ufe0f\u200d🌈";

  it.each([
    ["a family joined by zero-width joiners", family, 2],
    ["a flag of two regional indicators", "🇩🇪", 2],
    ["a flag joined with a rainbow", rainbow, 2],
    ["a heart as a picture (VS16)", "❤\ufe0f", 2],
    ["a heart as text", "❤", 1],
    ["a keycap", "1\ufe0f\u20e3", 2],
    ["a skin tone", "👍🏽", 2],
    ["a zero-width space and joiner", "a\u200b\u200db", 2],
    ["full-width letters", "ＡＢ", 4],
    ["half-width katakana", "ｱｲ", 2],
    ["Hangul", "한국", 4],
    ["two combining marks", "e\u0301\u0323", 1],
    ["a box and a braille pattern", "━⠋", 2],
  ])("count %s", (_, text, columns) => {
    expect(displayWidth(text)).toBe(columns);
  });

  it("cut before a character of several parts, never inside it", () => {
    expect(cutText(`${family}${family}x`, 5)).toBe(`${family}${family}x`);
    expect(cutText(`${family}${family}x`, 4)).toBe(`${family}…`);
    expect(cutText(`a${family}b`, 3)).toBe("a…");
    expect(cutText("🇩🇪🇫🇷🇪🇸", 5)).toBe("🇩🇪🇫🇷…");
    expect(cutText("e\u0301e\u0301e\u0301", 2)).toBe("e\u0301…");
    expect(cutText(`${family.repeat(40)}x`, 20)).toBe(`${family.repeat(9)}…`);
  });

  it("wrap by columns", () => {
    expect(wrapText("日本 語 ab", 5)).toEqual(["日本", "語 ab"]);
    expect(wrapText(`${family} ${family} ${family}`, 5)).toEqual([`${family} ${family}`, family]);
    expect(wrapText("a\nb c", 10)).toEqual(["a", "b c"]);
  });

  it("cut to columns, with an ellipsis", () => {
    expect(cutText("abcdef", 6)).toBe("abcdef");
    expect(cutText("abcdefg", 6)).toBe("abcde…");
    expect(cutText("日本語", 4)).toBe("日…");
    expect(cutText("abc", 0)).toBe("");
    expect(cutText("x".repeat(1_000_000), 5)).toBe("xxxx…");
  });

  it("wrap at spaces, and leave long words whole", () => {
    expect(wrapText("one two three", 8)).toEqual(["one two", "three"]);
    expect(wrapText("see https://a.very.long/address now", 10)).toEqual([
      "see",
      "https://a.very.long/address",
      "now",
    ]);
    expect(wrapText("", 10)).toEqual([""]);
  });
});

describe("times", () => {
  it("tick in whole seconds", () => {
    expect([0, 999, 12_900, 65_000].map(formatElapsed)).toEqual(["0s", "0s", "12s", "1m 5s"]);
  });

  it("read as a clock", () => {
    expect([0, 61_500, 3_723_000].map(formatClock)).toEqual(["00:00", "01:01", "1:02:03"]);
  });
});
