import { resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { parseSink } from "../../../src/cli/sink-option.js";

const parsed = (text: string) => {
  const { path, value } = parseSink(text);
  return [path, value];
};

describe("--sink", () => {
  it("takes a kind with its target, a JSON object, and a name before either", () => {
    expect(parsed("webhook=https://hub/a?b=c")).toEqual([
      ["sinks", "webhook"],
      { webhook: "https://hub/a?b=c" },
    ]);
    expect(parsed("github")).toEqual([["sinks", "github"], { github: true }]);
    expect(parsed("log=file=a b.txt")).toEqual([["sinks", "log"], { file: resolve("a b.txt") }]);
    const settings = { webhook: "https://hub", body: "a=b" };
    expect(parsed(JSON.stringify(settings))).toEqual([["sinks", "webhook"], settings]);
    expect(parsed(`hub=${JSON.stringify(settings)}`)).toEqual([["sinks", "hub"], settings]);
    expect(parsed(`file=${JSON.stringify(settings)}`)).toEqual([["sinks", "file"], settings]);
  });

  it.each([
    "nothing=x",
    "nothing",
    "webhook",
    "webhook=",
    "hub=webhook",
    "file=",
    "{",
    "hub=[1]",
    "",
  ])("refuses %s and shows the forms", (text) => {
    expect(() => parseSink(text)).toThrow(
      expect.objectContaining({
        code: "USAGE",
        message: expect.stringContaining(`--sink ${text}`) as string,
        hint: expect.stringContaining("webhook=https://") as string,
      }) as Error,
    );
  });
});
