/** Syntax of HCL files, and the problems that are shown for files that cannot be read. */
import { describe, expect, it } from "vitest";
import { parseFile } from "../../../src/packer/hcl/parse.js";
import { SourceFile, placeOf } from "../../../src/packer/hcl/source.js";
import type { Attribute, Block } from "../../../src/packer/hcl/syntax.js";
import { Problems } from "../../../src/packer/problems.js";

function parse(text: string): { items: readonly (Attribute | Block)[]; problems: string[] } {
  const problems = new Problems();
  const { items } = parseFile(new SourceFile("a.hcl", text), problems);
  const texts = problems
    .problems()
    .map(({ message, place }) => `${place?.line}:${place?.column} ${message}`);
  return { items, problems: texts };
}

function outline(items: readonly (Attribute | Block)[]): string[] {
  return items.map((item) =>
    item.kind === "attribute"
      ? item.name.name
      : [item.type, ...item.labels].map(({ name }) => name).join(" "),
  );
}

describe("files", () => {
  it("keeps the order of blocks and arguments", () => {
    const { items, problems } = parse(
      '# comment\nb "x" y {\n  one = 1 // comment\n  in "s" { two = 2 }\n}\n/* comment\n*/ a = 3\nc {}\n',
    );
    expect(problems).toEqual([]);
    expect(outline(items)).toEqual(["b x y", "a", "c"]);
    const [block] = items;
    expect(block?.kind === "block" && outline(block.body.items)).toEqual(["one", "in s"]);
  });

  it("reads Windows line ends, a byte order mark, and a file without a last line end", () => {
    const { items, problems } = parse("\uFEFFa = 1\r\nb = [\r\n  2,\r\n]\r\nc = 3");
    expect(problems).toEqual([]);
    expect(outline(items)).toEqual(["a", "b", "c"]);
  });

  it("lets expressions in brackets go over several lines", () => {
    const { problems } = parse(
      "a = (1 +\n  2)\nb = max(\n  1,\n  2,\n)\nc = [for x in\n  y : x]\n",
    );
    expect(problems).toEqual([]);
  });

  it("gives the place of an expression with its end", () => {
    const { items } = parse('a {\n  b = [\n    "é", 1,\n  ]\n}\n');
    const [block] = items;
    const [attribute] = block?.kind === "block" ? block.body.items : [];
    expect(attribute?.kind === "attribute" && placeOf(attribute.value.span)).toEqual({
      file: "a.hcl",
      line: 2,
      column: 7,
      endLine: 4,
      endColumn: 4,
      text: '[\n    "é", 1,\n  ]',
    });
  });
});

describe("problems", () => {
  it.each([
    ["a = ", "1:5 Expected a value, found the end of the file."],
    ["a = 1 2", '1:7 Expected a new line after the value of "a", found "2".'],
    ["a = [1 2]", '1:8 Expected "," or "]" after an item of the list, found "2".'],
    ["a = [1,\n", '1:5 This "[" is not closed by "]".'],
    ["a {\n  b = 1\n", '1:3 This "{" is not closed by "}".'],
    ["a = { b 1 }", '1:9 Expected "=" or ":" after the key of an object, found "1".'],
    ["a = f(1", '1:6 Expected ")" for this "(", found the end of the file.'],
    ["a = (1 + )", '1:10 Expected a value, found ")".'],
    [
      "a = true ? 1",
      '1:13 Expected ":" and the value for a false condition, found the end of the file.',
    ],
    ["a = x.", '1:5 Expected a name after ".", found the end of the file.'],
    ["a = 1\na = 2", '2:1 "a" is set already in line 1.'],
    ['"a" = 1', "1:1 Expected the name of an argument or of a block, found a quoted text."],
    ['a "${x}" {}', "1:3 A block's label must be a quoted text without ${…}."],
    ["a b", '1:1 Expected "{" after the labels of a block, found the end of the file.'],
    ["a = <<EOT\nx\n", '1:5 This heredoc has no end: no line consists of "EOT" only.'],
    ["a = 'x'", '1:5 Expected a value, found "\'".'],
    ["a = [for x y : z]", '1:12 Expected "in" after the names of "for", found "y".'],
    ["a = {for x in y : z}", '1:20 Expected "=>" after the key, found "}".'],
    ["}", '1:1 Expected the name of an argument or of a block, found "}".'],
  ])("%j", (text, expected) => {
    expect(parse(text).problems).toEqual([expected]);
  });

  it("finds the problems of several blocks at once", () => {
    const { items, problems } = parse(
      'a {\n  x = [1 2]\n}\nb {\n  y = 1\n}\nc {\n  z = "open\n}\nd {}\n',
    );
    expect(problems).toEqual([
      '2:10 Expected "," or "]" after an item of the list, found "2".',
      '8:7 This quoted text is not closed on its line. Write a line break as \\n, or use a heredoc ("<<EOT").',
    ]);
    expect(outline(items)).toEqual(["b", "d"]);
  });

  it("refuses what is nested too deeply, and does not overflow", () => {
    expect(parse(`a = ${"(".repeat(100_000)}`).problems[0]).toMatch(/nested too deeply/);
    expect(parse("a {".repeat(5000)).problems[0]).toMatch(/nested too deeply/);
    expect(parse(`a = ${"!".repeat(5000)}true`).problems[0]).toMatch(/nested too deeply/);
    expect(parse(`a = ${"1+".repeat(5000)}1`).problems[0]).toMatch(/too long/);
    expect(parse(`a = b${".c".repeat(5000)}`).problems[0]).toMatch(/too long/);
    expect(parse(`a = ${'"${'.repeat(5000)}`).problems[0]).toMatch(/nested too deeply/);
  });

  it("reads a megabyte", () => {
    const block =
      'source "qemu" "x" {\n  a = "text ${var.a}" # comment\n  b = [1, 2, { c = true }]\n}\n';
    const { items, problems } = parse(block.repeat(Math.ceil(2 ** 20 / block.length)));
    expect(problems).toEqual([]);
    expect(items.length).toBeGreaterThan(10_000);
  });
});
