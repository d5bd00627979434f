/** Damaged templates: no crash, no hang, and a place for every problem of the syntax. */
import { describe, expect, it } from "vitest";
import { parseFile } from "../../../src/packer/hcl/parse.js";
import { SourceFile } from "../../../src/packer/hcl/source.js";
import { FUNCTIONS } from "../../../src/packer/functions/registry.js";
import { evaluate } from "../../../src/packer/eval/evaluate.js";
import { Scope, constantRoot } from "../../../src/packer/eval/scope.js";
import type { Attribute, Block, Expression } from "../../../src/packer/hcl/syntax.js";
import { Problems } from "../../../src/packer/problems.js";
import { NOW } from "./support.js";

const SEEDS = [
  'variable "a" {\n  type = object({ x = optional(list(string), ["y"]) })\n  default = { x = ["z"] }\n}\n',
  'locals {\n  a = "x ${upper("y")} $${z} %{ if true ~} 1 %{ else }2%{ endif }"\n  b = [for k, v in { a = 1 } : "${k}" if v > 0]\n}\n',
  "locals {\n  c = <<-EOT\n    one ${1 + 2 * 3}\n      two\n  EOT\n  d = var.a[*].b.0[1]\n}\n",
  'source "qemu" "x" {\n  disk_size = "${10 / 2}G" # comment\n  qemuargs = [["-m", "1G"], ["-x", null]]\n  dynamic "y" {\n    for_each = var.l\n    content { z = y.value }\n  }\n}\n',
  'build {\n  sources = ["source.qemu.x"]\n  /* comment */ provisioner "shell" {\n    inline = split(",", "a,b\\n\\u00e9")...\n    only = true ? ["a"] : []\n  }\n}\n',
];
const PIECES = [
  '"',
  "${",
  "%{",
  "}",
  "{",
  "[",
  "]",
  "(",
  ")",
  "<<EOT\n",
  "<<-X\n",
  "\n",
  "\\",
  "~",
  "...",
  "=>",
  "?",
  ":",
  ",",
  ".",
  "*",
  "for ",
  " if ",
  " in ",
  "%{ for x in y }",
  "/*",
  "//",
  "#",
  "\u0000",
  "\uFEFF",
  "é",
  "😀",
  "\uD800",
  "\r",
  "1e999",
  "var.",
  "!",
  "-",
  "&&",
];

/** Pseudo-random numbers from a fixed seed (mulberry32). */
function generator(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d_2b_79_f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

function mutate(text: string, random: (limit: number) => number): string {
  let result = text;
  for (let count = 1 + random(4); count > 0; count -= 1) {
    const at = random(result.length + 1);
    const length = random(12);
    const piece = PIECES[random(PIECES.length)] ?? "";
    switch (random(4)) {
      case 0:
        result = result.slice(0, at) + result.slice(at + length);
        break;
      case 1:
        result = result.slice(0, at) + piece + result.slice(at);
        break;
      case 2:
        result = result.slice(0, at) + piece + result.slice(at + 1);
        break;
      default: {
        const from = random(result.length + 1);
        result = result.slice(0, at) + result.slice(from, from + length * 3) + result.slice(at);
      }
    }
  }
  return result;
}

function expressionsOf(items: readonly (Attribute | Block)[]): Expression[] {
  return items.flatMap((item) =>
    item.kind === "attribute" ? [item.value] : expressionsOf(item.body.items),
  );
}

describe("damaged templates", () => {
  it("give values or problems with places, 10,000 times", () => {
    const random = generator(14);
    const host = {
      folder: "/none",
      cwd: "/none",
      now: NOW,
      environment: {},
      readFile: () => Buffer.from(""),
    };
    const context = { functions: FUNCTIONS, host, warn: () => undefined };
    const scope = new Scope(
      context,
      new Map([["var", constantRoot("var", new Map([["l", ["a"]]]))]]),
    );
    let damaged = 0;
    const misplaced: string[] = [];
    for (let round = 0; round < 10_000; round += 1) {
      const text = mutate(SEEDS[round % SEEDS.length] ?? "", random);
      const problems = new Problems();
      const { items } = parseFile(new SourceFile("a.hcl", text), problems);
      if (problems.count > 0) damaged += 1;
      for (const expression of expressionsOf(items))
        problems.attempt(() => evaluate(expression, scope));
      for (const { place, message } of problems.problems()) {
        const isPlaced = place !== undefined && place.line > 0 && place.column > 0;
        if (!isPlaced || message === "") misplaced.push(`${message} of ${text}`);
      }
    }
    expect(misplaced).toEqual([]);
    expect(damaged).toBeGreaterThan(3000);
  });
});
