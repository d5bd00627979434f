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

  it("takes a lone CR as the beginning of the next state of a line where states are asked for", () => {
    const text = "0%\r50%\r100%\nplain\r\nkept\r\x1b[K\nodd\r\r\n\n\rfirst\rlast";
    const expected = ["100%", "plain", "kept", "odd", "", "last"];
    const states: string[] = [];
    const splitStates = (chunks: string[]): string[] => {
      const lines: string[] = [];
      const splitter = new LineSplitter(
        (line) => lines.push(line),
        (state) => states.push(state),
      );
      for (const chunk of chunks) splitter.write(Buffer.from(chunk));
      splitter.end();
      return lines;
    };
    expect(splitStates([text])).toEqual(expected);
    expect(states).toEqual(["first"]);
    states.length = 0;
    expect(splitStates(text.split(""))).toEqual(expected);
    expect(states).toEqual(["0%", "50%", "kept", "first"]);
    expect(splitStates(["10%\r", "20%\r", "30%\r"])).toEqual(["30%"]);
  });

  it("holds no more than a line of an endless progress bar", () => {
    let states = 0;
    const lines: string[] = [];
    const splitter = new LineSplitter(
      (line) => lines.push(line),
      () => states++,
    );
    const bar = Buffer.from(`${"#".repeat(1000)}\r`.repeat(100));
    for (let count = 0; count < 100; count++) splitter.write(bar);
    splitter.write(Buffer.from("done\n"));
    expect(lines).toEqual(["done"]);
    expect(states).toBe(100);
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
