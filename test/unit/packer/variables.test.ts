/** Variables: types, the order in which values count, validation, sensitive values, locals. */
import { describe, expect, it } from "vitest";
import type { PackerLoadOptions } from "../../../src/packer/model.js";
import {
  BUILD,
  localsOf,
  plain,
  problemTexts,
  problemsOf,
  readFiles,
  template,
} from "./support.js";

function valueOf(declaration: string, options: PackerLoadOptions = {}): unknown {
  const [variable] = template(`variable "x" {\n${declaration}\n}\n${BUILD}`, options).variables;
  return variable && plain(variable.value);
}

describe("types", () => {
  it.each([
    ["type = string\ndefault = 5", "5"],
    ["type = string\ndefault = true", "true"],
    ['type = number\ndefault = "1.50"', 1.5],
    ['type = bool\ndefault = "true"', true],
    ["type = list(string)\ndefault = [1, true]", ["1", "true"]],
    ['type = set(string)\ndefault = ["b", "a", "b"]', ["a", "b"]],
    ['type = map(number)\ndefault = { a = "1" }', { a: 1 }],
    ["type = tuple([string, number])\ndefault = [1, 2]", ["1", 2]],
    [
      "type = object({ a = string, b = optional(number), c = optional(bool, true) })\ndefault = { a = 1, z = 2 }",
      { a: "1", b: null, c: true },
    ],
    ['type = list(object({ n = optional(string, "d") }))\ndefault = [{}]', [{ n: "d" }]],
    ['type = list(any)\ndefault = [1, "a"]', ["1", "a"]],
    ["type = any\ndefault = { a = [1] }", { a: [1] }],
    ["type = list\ndefault = [1]", [1]],
    ["default = null", null],
    ["type = string\ndefault = null", null],
    ['default = ["a", 1]', ["a", 1]],
    ['default = upper("a")', "A"],
  ])("%s", (declaration, expected) => {
    expect(valueOf(declaration)).toEqual(expected);
  });

  it.each([
    [
      'type = number\ndefault = "x"',
      '3:11 The default does not fit the type of the variable: a number is required, not the text "x".',
    ],
    [
      'type = list(number)\ndefault = [1, "x"]',
      "3:11 The default does not fit the type of the variable: element 1: a number is required",
    ],
    [
      "type = object({ a = string })\ndefault = {}",
      '3:11 The default does not fit the type of the variable: the attribute "a" is required.',
    ],
    ["type = text", "2:8 This is not a type."],
    ["default = var.y", "2:11 The default of a variable cannot refer to var.y."],
    ["typ = string\ndefault = 1", '2:1 A variable has no argument "typ".'],
    [
      'default = 1\nvalidation {\n condition = var.x > 1\n error_message = "It is too small."\n}',
      '2:11 The value of the variable "x" is refused: It is too small.',
    ],
    [
      'default = 1\nvalidation {\n condition = var.y > 1\n error_message = "No."\n}',
      '4:14 The condition of the variable "x" can refer to var.x only.',
    ],
  ])("refuses %s", (declaration, message) => {
    const problems = problemsOf(`variable "x" {\n${declaration}\n}\n${BUILD}`);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });

  it("lists all variables that must be given", () => {
    expect(problemsOf(`variable "a" {}\nvariable "b" {\n  type = string\n}\n${BUILD}`)).toEqual([
      '1:1 The variable "a" has no default and must be given: --var a=…, --var-file, or PKR_VAR_a in the environment.',
      '2:1 The variable "b" has no default and must be given: --var b=…, --var-file, or PKR_VAR_b in the environment.',
    ]);
  });

  it("describes variables for a conversion", () => {
    const { variables } = template(
      `variable "x" {\n  type = list(string)\n  default = ["a"]\n  description = "what"\n  sensitive = true\n}\nvariable "e" { default = env("E") }\n${BUILD}`,
      { environment: { E: "from environment" } },
    );
    expect(variables).toMatchObject([
      { name: "x", type: "list(string)", description: "what", sensitive: true, default: ["a"] },
      {
        name: "e",
        defaultEnvironment: "E",
        value: "from environment",
        origin: { kind: "default" },
      },
    ]);
  });
});

describe("order of values", () => {
  const files = {
    "a.pkr.hcl": `variable "x" { default = "default" }\n${BUILD}`,
    "b.auto.pkrvars.hcl": 'x = "automatic b"',
    "a.auto.pkrvars.hcl": 'x = "automatic a"',
    "c.auto.pkrvars.json": '{ "x": "automatic json" }',
    "one.pkrvars.hcl": 'x = "one"',
    "two.json": '{ "x": "two" }',
  };
  const value = (options: PackerLoadOptions, path?: string, only = Object.keys(files)): unknown => {
    const chosen = Object.fromEntries(
      Object.entries(files).filter(([name]) => only.includes(name)),
    );
    return readFiles(chosen, options, path).template?.variables[0]?.value;
  };
  const environment = { PKR_VAR_x: "environment", PKR_VAR_other: "ignored" };

  it("counts the environment above the default", () => {
    expect(value({}, ".", ["a.pkr.hcl"])).toBe("default");
    expect(value({ environment }, ".", ["a.pkr.hcl"])).toBe("environment");
  });

  it("counts automatic files in their order, HCL before JSON, above the environment", () => {
    expect(
      value({ environment }, ".", ["a.pkr.hcl", "a.auto.pkrvars.hcl", "b.auto.pkrvars.hcl"]),
    ).toBe("automatic b");
    expect(value({ environment })).toBe("automatic json");
  });

  it("reads automatic files for a folder only, as Packer does", () => {
    expect(value({}, "a.pkr.hcl")).toBe("default");
  });

  it("counts --var-file in order, and --var above all", () => {
    expect(value({ variableFiles: ["one.pkrvars.hcl", "two.json"] })).toBe("two");
    expect(value({ variableFiles: ["two.json", "one.pkrvars.hcl"] })).toBe("one");
    expect(
      value({
        variableFiles: ["two.json"],
        variables: [
          ["x", "1"],
          ["x", "argument"],
        ],
      }),
    ).toBe("argument");
  });

  it("tells where a value came from", () => {
    const origin = (options: PackerLoadOptions) =>
      readFiles(files, options).template?.variables[0]?.origin;
    expect(origin({ variables: [["x", "1"]] })).toEqual({ kind: "argument", detail: undefined });
    expect(origin({ variableFiles: ["two.json"] })?.detail).toMatch(/^\/.*\/two\.json$/);
  });
});

describe("values as text", () => {
  it.each([
    ["type = string", "[1]", "[1]"],
    ["type = number", "5", 5],
    ["type = bool", "true", true],
    ["type = list(string)", '["a", "b"]', ["a", "b"]],
    ["type = map(string)", "{ a = 1 }", { a: "1" }],
    ["", "{ a = 1 }", "{ a = 1 }"],
    ["default = [1]", "[2, 3]", [2, 3]],
    ["default = 1", "2", 2],
  ])("%s: --var x=%s", (declaration, text, expected) => {
    expect(valueOf(declaration, { variables: [["x", text]] })).toEqual(expected);
    expect(valueOf(declaration, { environment: { PKR_VAR_x: text } })).toEqual(expected);
  });

  it.each([
    ["type = list(string)", "a,b", 'Expected the end of the value, found ",".'],
    ["type = bool", "yes", "The value of a variable cannot refer to yes."],
    [
      "type = number",
      "x",
      'The value does not fit the type of the variable "x": a number is required',
    ],
  ])("refuses for %s: --var x=%s", (declaration, text, message) => {
    const problems = problemsOf(`variable "x" {\n${declaration}\n}\n${BUILD}`, {
      variables: [["x", text]],
    });
    expect(problems.join("\n")).toContain(message);
  });

  it("refuses an undeclared --var, and warns of one in a file", () => {
    const reading = readFiles(
      { "a.pkr.hcl": `variable "disk" { default = 1 }\n${BUILD}`, "v.pkrvars.hcl": "dsk = 1\n" },
      { variables: [["disks", "1"]], variableFiles: ["v.pkrvars.hcl"] },
    );
    expect(problemTexts(reading)).toEqual([
      'The variable "disks" of --var is not declared in the template. Did you mean "disk"?',
    ]);
    expect(reading.warnings).toMatchObject([
      {
        message:
          'The variable "dsk" is not declared in the template, and ignored. Did you mean "disk"?',
        place: { line: 1 },
      },
    ]);
  });

  it("lists the problems of files of variables", () => {
    const reading = readFiles(
      {
        "a.pkr.hcl": `variable "x" { default = 1 }\n${BUILD}`,
        "v.hcl": 'variable "y" {}\nx = local.a\n',
        "w.txt": "",
      },
      { variableFiles: ["v.hcl", "none.hcl", "w.txt"] },
    );
    expect(problemTexts(reading).join("\n")).toMatch(
      /^1:1 A file of variables has only values[^\n]*\n2:5 The value of a variable cannot refer to local.a[^\n]*\nThe file none.hcl cannot be read[^\n]*\nThe name of the file of variables [^\n]*w.txt must end in .hcl or .json.$/,
    );
  });
});

describe("locals", () => {
  it("are evaluated in any order", () => {
    const text =
      'locals {\n  a = "${local.b}!"\n  b = local.c\n}\nlocal "c" {\n  expression = var.x\n  sensitive = true\n}\nvariable "x" { default = "v" }';
    expect(localsOf(text)).toEqual({ a: "v!", b: "v", c: "v" });
  });

  it("name a circle once", () => {
    expect(
      problemsOf(
        `locals {\n  a = local.b\n  b = local.c\n  c = "\${local.a}"\n  d = local.a\n}\n${BUILD}`,
      ),
    ).toEqual([
      "4:10 Locals depend on each other in a circle: local.a -> local.b -> local.c -> local.a.",
    ]);
  });

  it("report a problem once, not where the local is used", () => {
    expect(
      problemsOf(
        `locals {\n  a = 1 / 0\n  b = local.a\n  c = local.aa\n}\nsource "qemu" "x" {\n  v = local.b\n}\nbuild {\n  sources = ["source.qemu.x"]\n}`,
      ),
    ).toEqual([
      "2:7 This cannot be evaluated: a number cannot be divided by zero.",
      "4:7 local.aa is not defined. Did you mean local.a?",
    ]);
  });

  it("tell what they depend on, and which are sensitive", () => {
    const { locals, secrets, builds } = template(
      'variable "p" {\n  default = "secret"\n  sensitive = true\n}\nvariable "q" { default = "q" }\nlocals {\n  a = "${var.p}-${local.b[0]}"\n  b = [for v in [var.q] : v]\n}\nsource "qemu" "x" {\n  k = local.a\n  l = local.b\n}\nbuild {\n  sources = ["source.qemu.x"]\n}',
    );
    expect(locals).toMatchObject([
      { name: "a", sensitive: true, dependsOn: ["local.b", "var.p", "var.q"] },
      { name: "b", sensitive: false, dependsOn: ["var.q"] },
    ]);
    expect(secrets).toEqual(["secret", "secret-q"]);
    expect(builds[0]?.sources[0]?.block.attributes.get("k")).toMatchObject({
      value: "secret-q",
      sensitive: true,
      dependsOn: ["local.a", "local.b", "var.p", "var.q"],
      place: { line: 11, column: 7, text: "local.a" },
    });
  });
});
