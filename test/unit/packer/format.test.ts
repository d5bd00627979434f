/** HCL is formatted as `packer fmt` formats it. */
import { describe, expect, it } from "vitest";
import { formatHcl } from "../../../src/packer/hcl/format/format.js";

/** Text before and after. Packer 1.6.6 gives the second ones, but for `!`, as newer ones have it. */
const CASES: readonly (readonly [what: string, before: string, after: string])[] = [
  [
    "aligns arguments of neighboring lines, and indents",
    'build {\nname = "b"\n   description = "A"\n\n  only=["a","b"]\n}\n',
    'build {\n  name        = "b"\n  description = "A"\n\n  only = ["a", "b"]\n}\n',
  ],
  [
    "aligns comments, but not values of several lines",
    "a = 1 # one\nlonger = 22    // two\nlist = [\n1,\n]\nb=2\n",
    "a      = 1  # one\nlonger = 22 // two\nlist = [\n  1,\n]\nb = 2\n",
  ],
  [
    "indents by the brackets that are open",
    "s = [{\na = 1\n}, {\nbb = 2\n}]\nt = fn([\n1,\n], {\nb = 1\n})\n",
    "s = [{\n  a = 1\n  }, {\n  bb = 2\n}]\nt = fn([\n  1,\n  ], {\n  b = 1\n})\n",
  ],
  [
    "puts spaces around operators, and none around signs",
    "c = !true&&false||-3<-2\nd = -a - -b %c\nf= a?-b:!c\nh = a==b?[]:[ [1], [2] ]\n",
    "c = !true && false || -3 < -2\nd = -a - -b % c\nf = a ? -b : !c\nh = a == b ? [] : [[1], [2]]\n",
  ],
  [
    "leaves texts and heredocs alone, apart from what is inside of ${…}",
    'a="x  ${ b }${c} $${d} \\"  %%{e}"\nh = <<-EOT\n   ${ a }  text { \n   EOT\nz={b={}}\n',
    'a = "x  ${b}${c} $${d} \\"  %%{e}"\nh = <<-EOT\n   ${a}  text { \n   EOT\nz = { b = {} }\n',
  ],
  [
    "knows indexes, splats, calls and for expressions",
    "d=x[0] [ 1 ].y .z\ne = fn ( a,b... )\nk = m[*].x\nl=[for x in [1]:x]\nm = { for k,v in n:k=>v }\n",
    "d = x[0][1].y.z\ne = fn(a, b...)\nk = m[*].x\nl = [for x in [1] : x]\nm = { for k, v in n : k => v }\n",
  ],
  ["keeps line ends, and removes spaces of empty lines", "a=1\r\n  \r\nb=2", "a = 1\r\n\r\nb = 2"],
];

describe("formatHcl", () => {
  it.each(CASES)("%s", (_what, before, after) => {
    expect(formatHcl(before)).toBe(after);
  });

  it.each(CASES)("changes nothing of its own result: %s", (_what, _before, after) => {
    expect(formatHcl(after)).toBe(after);
  });
});
