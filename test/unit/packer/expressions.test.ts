/** Expressions of HCL: operators, accesses, collections, texts. Expected values follow HCL's spec. */
import { describe, expect, it } from "vitest";
import { evaluated, localsOf, problemsOf } from "./support.js";

const values = {
  list: ["a", "b", "c"],
  people: [new Map([["name", "Ada"]]), new Map([["name", "Bob"]])],
  map: new Map<string, string>([
    ["one", "1"],
    ["two", "2"],
  ]),
  nothing: null,
};

describe("operators", () => {
  it.each([
    ["1 + 2 * 3", 7],
    ["(1 + 2) * 3", 9],
    ["10 - 4 - 3", 3],
    ["7 / 2", 3.5],
    ["7 % 4", 3],
    ["-3 + 5", 2],
    ["0.1 + 0.2", 0.3],
    ["1 / 3", 1 / 3],
    ["1 < 2 && 2 <= 2", true],
    ["!true || false", false],
    ["1 == 1.0", true],
    ['"1" == 1', false],
    ["[1, 2] == [1, 2]", true],
    ["{ a = 1 } != { a = 2 }", true],
    ["null == null", true],
    ['"3" * "4"', 12],
    ["true ? 1 : 2", 1],
    ['false ? "a" : "b"', "b"],
    ["1 > 2 ? 1 : 2 > 1 ? 3 : 4", 3],
    ['true ? 1 : "x"', "1"],
    ["1e3", 1000],
    ["-0.5", -0.5],
  ])("%s is %j", (text, expected) => {
    expect(evaluated(text)).toEqual(expected);
  });

  it("evaluates the right side of && and || only where it decides", () => {
    expect(evaluated('false && regex("(", "")')).toBe(false);
    expect(evaluated('true || regex("(", "")')).toBe(true);
  });

  it.each(["1 / 0", '"a" + 1', "null + 1", "!5", "[] < 1", "null ? 1 : 2"])(
    "refuses %s",
    (text) => {
      expect(() => evaluated(text)).toThrow(/cannot be evaluated/);
    },
  );
});

describe("accesses", () => {
  it.each([
    ["list[1]", "b"],
    ['list["2"]', "c"],
    ["list.0", "a"],
    ["map.one", "1"],
    ['map["two"]', "2"],
    ["people[*].name", ["Ada", "Bob"]],
    ["people.*.name", ["Ada", "Bob"]],
    ["nothing[*].name", []],
    ["map[*].one", ["1"]],
    ["people[0].name", "Ada"],
    ["[[1, 2], [3]][0][1]", 2],
    ["{ a = { b = 5 } }.a.b", 5],
  ])("%s", (text, expected) => {
    expect(evaluated(text, { values })).toEqual(expected);
  });

  it.each([
    ["people[*].name[0]", "A string has no elements."],
    ["concat(list...)", "a list, tuple or set is required"],
    ["list[3]", "The list has 3 elements, and no element 3."],
    ["list[-1]", "The list has 3 elements, and no element -1."],
    ["map.onee", 'This object has no attribute "onee". Did you mean "one"?'],
    ["nothing.x", 'null has no attribute "x".'],
    ["mapp", '"mapp" is not defined here. Did you mean map?'],
    ["lists", '"lists" is not defined here. Did you mean list?'],
  ])("refuses %s", (text, message) => {
    expect(() => evaluated(text, { values })).toThrow(message);
  });
});

describe("collections", () => {
  it.each([
    ["[1, 2, 3,]", [1, 2, 3]],
    ["{ a = 1, b : 2 }", { a: 1, b: 2 }],
    ["{\n a = 1\n b = 2\n}", { a: 1, b: 2 }],
    ['{ "x y" = 1 }', { "x y": 1 }],
    ["{ (list[0]) = 1 }", { a: 1 }],
    ['{ "${list[1]}-x" = 1 }', { "b-x": 1 }],
    ["{ for = 1 }", { for: 1 }],
    ["[for v in list : upper(v)]", ["A", "B", "C"]],
    ['[for i, v in list : "${i}${v}"]', ["0a", "1b", "2c"]],
    ['[for v in list : v if v != "b"]', ["a", "c"]],
    ['[for k, v in map : "${k}=${v}"]', ["one=1", "two=2"]],
    ["{ for k, v in map : v => k }", { "1": "one", "2": "two" }],
    ["{ for v in list : length(v) => v... }", { "1": ["a", "b", "c"] }],
    ["[for a in [1, 2] : [for b in [3] : a * b]]", [[3], [6]]],
    ["max([1, 5, 3]...)", 5],
  ])("%s", (text, expected) => {
    expect(evaluated(text, { values })).toEqual(expected);
  });

  it("sorts the keys of objects", () => {
    expect(Object.keys(evaluated("{ b = 1, a = 2, C = 3 }") as object)).toEqual(["C", "a", "b"]);
  });

  it("refuses two values for one key", () => {
    expect(() => evaluated('{ for v in list : "x" => v }', { values })).toThrow(
      'Two elements have the key "x".',
    );
  });
});

describe("texts", () => {
  it.each([
    ['"a ${1 + 1} b"', "a 2 b"],
    ['"${list[0]}"', "a"],
    ['"${[1, 2]}"', [1, 2]],
    ['"$${list} %%{if}"', "${list} %{if}"],
    ['"$ 100% $x"', "$ 100% $x"],
    [String.raw`"\n\t\"\\\u00e9\U0001F600"`, '\n\t"\\é😀'],
    ['"${"nested ${"text"}"}"', "nested text"],
    ['"%{ if true }yes%{ else }no%{ endif }"', "yes"],
    ['"%{ if false }yes%{ endif }"', ""],
    ['"%{ for v in list }<${v}>%{ endfor }"', "<a><b><c>"],
    ['"%{ for i, v in list }${i}%{ endfor }"', "012"],
    ['"a  ${~ 1 ~}  b"', "a1b"],
    ['"a  %{~ if true ~}  x  %{~ endif ~}  b"', "axb"],
    ['"${true}"', true],
    ['"is ${true}"', "is true"],
  ])("%s", (text, expected) => {
    expect(evaluated(text, { values })).toEqual(expected);
  });

  it("keeps heredocs as they are", () => {
    expect(localsOf("locals {\n  a = <<EOT\n  one \\n ${1 + 1}\n\n    two\n  EOT\n}")).toEqual({
      a: "  one \\n 2\n\n    two\n",
    });
  });

  it("removes the indentation of <<- heredocs, which interpolated text does not change", () => {
    const text = 'locals {\n  a = <<-EOT\n    one\n      ${"  two"}\n\n    three $${x}\n  EOT\n}';
    expect(localsOf(text)).toEqual({ a: "one\n    two\n\nthree ${x}\n" });
  });

  it("trims at most one line of a heredoc at a time", () => {
    const text =
      "locals {\n  a = <<EOT\n%{ for x in [1, 2] ~}\n  item ${x}\n%{ endfor ~}\nend\nEOT\n}";
    expect(localsOf(text)).toEqual({ a: "  item 1\n  item 2\nend\n" });
  });

  it("takes heredocs in calls and lists", () => {
    const text = "locals {\n  a = upper(<<EOT\nx\nEOT\n  )\n  b = [<<EOT\ny\nEOT\n  , 1]\n}";
    expect(localsOf(text)).toEqual({ a: "X\n", b: ["y\n", 1] });
  });

  it.each([
    ['"a ${null}"', "The value is null, which cannot be part of a text."],
    ['"a ${list}"', "A list cannot be part of a text. Use join(…) or jsonencode(…)."],
    ['"a ${map}"', "A map cannot be part of a text. Use jsonencode(…)."],
    ['"%{ if true }x"', '"%{ if … }" is not closed by "%{ endif }".'],
    ['"x%{ endif }"', '"%{ endif }" has no directive that it belongs to.'],
    [
      '"%{ unless x }"',
      'Expected "if", "else", "endif", "for" or "endfor" after "%{", found "unless".',
    ],
    [String.raw`"\d"`, String.raw`"\d" is not an escape of HCL.`],
    ['"${x:-default}"', 'Expected "}" at the end of "${", found ":".'],
    ['"open', "This quoted text is not closed on its line."],
  ])("refuses %s", (text, message) => {
    expect(() => evaluated(text, { values })).toThrow(message);
  });
});

describe("places", () => {
  it("names line, column and expression of each problem", () => {
    const text = `
locals {
  a = upper(var.missing)
  b = [1, 2][5]
  c = "é \${nothing}"
}
source "qemu" "x" {}
build { sources = ["source.qemu.x"] }
`;
    expect(problemsOf(text)).toEqual([
      "3:13 var.missing is not defined.",
      "4:7 The list has 2 elements, and no element 5.",
      '5:12 "nothing" is not defined here. A text is written in quotes, a variable as var.nothing, a local as local.nothing.',
    ]);
  });
});
