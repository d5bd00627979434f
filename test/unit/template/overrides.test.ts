import { describe, expect, it } from "vitest";
import { applyOverride, parseOverride } from "../../../src/template/overrides.js";
import { valueAt } from "../../../src/template/document.js";
import { load, loadError, templateText } from "./support.js";

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
    [{ s: [{ n: 1 }, { n: 2 }] }, "s[1].n=x", { s: [{ n: 1 }, { n: "x" }] }],
    [{ s: [{ n: [1, 2] }] }, "s[0].n[1]=3", { s: [{ n: [1, 3] }] }],
    [{ s: [[1]] }, "s[0][0]=2", { s: [[2]] }],
    [{}, 'inputs["a.b"].path=x', { inputs: { "a.b": { path: "x" } } }],
    [{}, "inputs['a.b'].path=x[0]", { inputs: { "a.b": { path: "x[0]" } } }],
    [{}, "a=", { a: "" }],
  ])("on %j, %s makes %j", (before, text, after) => {
    expect(apply(before, text)).toEqual(after);
  });

  it.each([
    ["novalue", "--set novalue: use PATH=VALUE, such as machine.memory=8G"],
    ["=x", "--set =x: use PATH=VALUE, such as machine.memory=8G"],
    ["[0].a=1", "--set [0].a=1: use PATH=VALUE, such as machine.memory=8G"],
    ["a[].b=1", "--set a[].b=1: use PATH=VALUE, such as machine.memory=8G"],
    ["a[0]b=1", "--set a[0]b=1: use PATH=VALUE, such as machine.memory=8G"],
    ["a.[0]=1", "--set a.[0]=1: use PATH=VALUE, such as machine.memory=8G"],
    ["a[-1]=1", "--set a[-1]=1: use PATH=VALUE, such as machine.memory=8G"],
    ["a.=1", "--set a.=1: use PATH=VALUE, such as machine.memory=8G"],
    [
      "steps[2].name=x",
      "--set steps[2].name: the path does not exist: steps has 2 items, counted from 0",
    ],
    ["a..b=1", "--set a..b=1: use PATH=VALUE, such as machine.memory=8G"],
    [
      "steps.2.name=x",
      "--set steps[2].name: the path does not exist: steps has 2 items, counted from 0",
    ],
    [
      "steps.first=x",
      "--set steps.first: the path does not exist: steps has 2 items, counted from 0",
    ],
    ["name.x=1", "--set name.x: the path does not exist: name is not an object"],
  ])("%s is refused", (text, message) => {
    expect(() => apply({ name: "demo", steps: [1, 2] }, text)).toThrow(message);
  });

  it("replaces values before anything is checked; the last one counts", async () => {
    const overrides = ["machine.memory=1G", "machine.cpus=2", "machine.memory=2G"].map(
      parseOverride,
    );
    const text = templateText({ machine: { memory: "nonsense" } });
    const { machine } = await load(text, { overrides });
    expect(machine).toMatchObject({ memory: 2 * 2 ** 30, cpus: 2 });
  });

  const STEPS = {
    version: "1.0",
    machine: { cpus: 4 },
    variables: { v: { default: "1.0" }, n: { default: 1 } },
    steps: [{ name: "s", environment: { V: "1.0" }, actions: [{ run: "true" }], verify: ["true"] }],
    acceptance: { boot: { context: { C: 1 } }, checks: [{ name: "c", run: "true" }] },
  };

  it.each([
    ["version=1.10", ["version"], "1.10"],
    ["version=2", ["version"], "2"],
    ["version=1e3", ["version"], "1e3"],
    ["name=007", ["name"], "007"],
    ["name=true", ["name"], "true"],
    ["name=null", ["name"], "null"],
    ["description=12345678901234567890", ["description"], "12345678901234567890"],
    ["output.filename=5", ["output", "filename"], "5"],
    ["steps[0].environment.V=1.10", ["steps", 0, "environment", "V"], "1.10"],
    ["steps[0].environment.NEW=1.10", ["steps", 0, "environment", "NEW"], "1.10"],
    ["steps[0].environment.V=false", ["steps", 0, "environment", "V"], "false"],
    ["steps[0].verify[0]=1", ["steps", 0, "verify", 0], "1"],
    ["steps[0].actions[0].run=1", ["steps", 0, "actions", 0, "value", "run", 0], "1"],
    ["acceptance.boot.context.C=1.10", ["acceptance", "boot", "context", "C"], "1.10"],
    ["machine.cpus=2", ["machine", "cpus"], 2],
    ["machine.cpus=2.0", ["machine", "cpus"], 2],
    ["machine.memory=2147483648", ["machine", "memory"], 2 ** 31],
    ["seal=false", ["seal"], false],
    ["variables.v.default=1.10", ["variables", "v", "default"], "1.10"],
    ["variables.n.default=1.10", ["variables", "n", "default"], 1.1],
  ])("reads %s as the schema takes it", async (text, path, value) => {
    const template = await load(templateText(STEPS), { overrides: [parseOverride(text)] });
    expect(valueAt(template, path)).toBe(value);
  });

  it("applies to each of several templates", async () => {
    const overrides = ["version=1.10", "machine.cpus=3", "steps[0].name=4"].map(parseOverride);
    const template = await load(templateText(STEPS), { overrides });
    expect(template).toMatchObject({ version: "1.10", machine: { cpus: 3 } });
    expect(template.steps[0]?.name).toBe("4");
  });

  it.each([
    ["machine.cpus=0", "--set machine.cpus: machine.cpus: Too small: expected number to be >=1"],
    ["machine.cpus=1.10", "--set machine.cpus: machine.cpus: expected an integer, found a number"],
    [
      "version=-1",
      "--set version: version: a version consists of letters, digits and . + ~ _ -, and begins with a letter or digit",
    ],
    ["seal=1", "--set seal: seal: expected a boolean or an object, found a number"],
    [
      "machine.firmware=1",
      '--set machine.firmware: machine.firmware: expected "bios", "uefi", or the files {code, variables}',
    ],
  ])("says of %s what is wrong", async (text, line) => {
    const options = { overrides: [parseOverride(text)] };
    expect((await loadError(templateText(STEPS), options)).lines).toEqual([line]);
  });
});
