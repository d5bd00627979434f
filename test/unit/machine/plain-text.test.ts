import { describe, expect, it } from "vitest";
import { PlainText } from "../../../src/machine/plain-text.js";

/** Searches bytes that arrive in pieces; returns what follows the match in the bytes. */
function restAfter(
  content: string | Buffer,
  pattern: string | RegExp,
  piece = 1,
): string | undefined {
  const bytes = Buffer.from(content);
  const text = new PlainText(0);
  for (let at = 0; at < bytes.length; at += piece) {
    text.append(bytes.subarray(at, at + piece));
    const found = text.search(pattern);
    if (found !== undefined) return bytes.subarray(found).toString("latin1");
  }
  return undefined;
}

describe("PlainText", () => {
  it.each<[string, string | Buffer, string | RegExp, string | undefined]>([
    ["plain text", "one two three", "two", " three"],
    ["an expression", "one\r\ntwo 17\r\nthree", /^two \d7$/m, "\r\nthree"],
    ["an expression with flags", "Boot: ", /boot:/gi, " "],
    ["text between colors", "\x1b[1;31mbo\x1b[0mot\x1b[K:\x1b[?25h x", "boot:", "\x1b[?25h x"],
    ["text after a title", "\x1b]0;boot:\x07-\x1b]2;t\x1b\\boot:!", "boot:", "!"],
    ["text after short sequences", "\x1bc\x1b(Bbo\x1b=ot:", "boot:", ""],
    ["text after UTF-8", "äöü → boot: ✓", "boot:", Buffer.from(" ✓").toString("latin1")],
    ["UTF-8", "Größe: 1", "Größe:", " 1"],
    ["an astral character", "a\u{1F600}b", "\u{1F600}", "b"],
    [
      "text after bytes of another encoding",
      Buffer.from("\xc9\xcd\xbb boot:\xff", "latin1"),
      "boot:",
      "\xff",
    ],
    ["nothing", "\x1b[31mboot", "boot:", undefined],
    ["no text of a sequence", "\x1b[31m", "31", undefined],
  ])("finds %s", (_name, content, pattern, expected) => {
    expect(restAfter(content, pattern, 1000)).toBe(expected);
    // What arrives later than the match is not searched.
    const isFound = [1, 2, 3].map((piece) => restAfter(content, pattern, piece) !== undefined);
    expect(isFound).toEqual([1, 2, 3].map(() => expected !== undefined));
  });

  it("counts positions from where it began, and finds the next match", () => {
    const text = new PlainText(100);
    text.append(Buffer.from("\x1b[1mone\x1b[0m"));
    expect(text.search("one")).toBe(107);
    expect(text.position).toBe(111);
  });

  it("stays small, and still finds text", () => {
    const text = new PlainText(0);
    const block = Buffer.from("0123456789abcdef".repeat(4096));
    for (let count = 0; count < 20; count++) text.append(block);
    text.append(Buffer.from("\x1b[0mboot:"));
    expect(text.search("boot:")).toBe(20 * block.length + 9);
  });

  it("takes an endless sequence as text", () => {
    const text = new PlainText(0);
    text.append(Buffer.from(`\x1b]${"x".repeat(1000)}`));
    text.append(Buffer.from("boot:"));
    expect(text.search("xboot:")).toBe(1007);
  });
});
