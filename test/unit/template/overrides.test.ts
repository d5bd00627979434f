import { describe, expect, it } from "vitest";
import { applyOverride, parseOverride } from "../../../src/template/overrides.js";
import { load, templateText } from "./support.js";

function apply(document: unknown, text: string): unknown {
  return applyOverride(document, parseOverride(text));
}

describe("--set", () => {
  it.each([
    [{ a: 1 }, "a=2", { a: 2 }],
    [{}, "machine.memory=8G", { machine: { memory: "8G" } }],
    [{ a: { b: 1, c: 2 } }, "a.b=true", { a: { b: true, c: 2 } }],
    [{ s: [{ n: 1 }, { n: 2 }] }, "s.1.n=x", { s: [{ n: 1 }, { n: "x" }] }],
    [{}, 'base={"path":"x"}', { base: { path: "x" } }],
    [{}, "a=b=c", { a: "b=c" }],
    [{}, "a=", { a: "" }],
  ])("on %j, %s makes %j", (before, text, after) => {
    expect(apply(before, text)).toEqual(after);
  });

  it.each([
    ["novalue", "--set novalue: write PATH=VALUE, such as machine.memory=8G"],
    ["=x", "--set =x: write PATH=VALUE, such as machine.memory=8G"],
    ["a..b=1", "--set a..b=1: write PATH=VALUE, such as machine.memory=8G"],
    [
      "steps.2.name=x",
      "--set steps[2].name: there is no such place: steps is a list of 2, counted from 0",
    ],
    [
      "steps.first=x",
      "--set steps.first: there is no such place: steps is a list of 2, counted from 0",
    ],
    ["name.x=1", "--set name.x: there is no such place: name is a plain value"],
  ])("%s is refused", (text, message) => {
    expect(() => apply({ name: "demo", steps: [1, 2] }, text)).toThrow(message);
  });

  it("replaces values before anything is checked, the last one winning", async () => {
    const overrides = ["machine.memory=1G", "machine.cpus=2", "machine.memory=2G"].map(
      parseOverride,
    );
    const text = templateText({ machine: { memory: "nonsense" } });
    const { machine } = await load(text, { overrides });
    expect(machine).toMatchObject({ memory: 2 * 2 ** 30, cpus: 2 });
  });
});
