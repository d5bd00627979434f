import { describe, expect, it } from "vitest";
import { LineSplitter, Tail } from "../../../src/host/lines.js";

function split(...chunks: (string | Buffer)[]): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const chunk of chunks) splitter.write(Buffer.from(chunk));
  splitter.end();
  return lines;
}

describe("LineSplitter", () => {
  it("takes newline, CR LF and a lone CR as endings, wherever chunks break", () => {
    const text = "one\ntwo\r\nthree\rfour\n\nsix";
    const expected = ["one", "two", "three", "four", "", "six"];
    expect(split(text)).toEqual(expected);
    expect(split(...text.split(""))).toEqual(expected);
  });

  it("emits a last line without an ending, and no empty one after the last ending", () => {
    expect(split("a\nb")).toEqual(["a", "b"]);
    expect(split("a\r\n")).toEqual(["a"]);
    expect(split("a\r")).toEqual(["a"]);
    expect(split("")).toEqual([]);
  });

  it("joins characters that are split across chunks", () => {
    const bytes = Buffer.from("grüße 🎉\n");
    expect(split(...[...bytes].map((byte) => Buffer.from([byte])))).toEqual(["grüße 🎉"]);
  });

  it("replaces what is not UTF-8", () => {
    expect(split(Buffer.from([0x61, 0xff, 0x62, 0x0a]))).toEqual(["a\ufffdb"]);
  });

  it("emits an endless line in bounded pieces without loss", () => {
    const text = "x".repeat(100_000);
    const pieces = split(...Array.from({ length: 10 }, () => text));
    expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(16 * 1024);
    expect(pieces.join("")).toBe(text.repeat(10));
  });

  it("cuts a long line between words, so that a secret in it can still be masked", () => {
    const text = `${"x".repeat(16 * 1024 - 5)} secret-token ${"y".repeat(100)}`;
    expect(split(`${text}\n`).some((piece) => piece.includes("secret-token"))).toBe(true);
    expect(split(text).join("")).toBe(text);
  });

  it("does not cut a surrogate pair", () => {
    const pieces = split(`x${"🎉".repeat(20_000)}\n`);
    expect(pieces.length).toBeGreaterThan(1);
    for (const piece of pieces) expect(Buffer.from(piece).toString()).toBe(piece);
  });
});

describe("Tail", () => {
  it("keeps the last lines, oldest first", () => {
    const tail = new Tail(3);
    expect(tail.lines).toEqual([]);
    for (let index = 0; index < 100; index++) tail.push(`${index}`);
    expect(tail.lines).toEqual(["97", "98", "99"]);
  });
});
