/** Errors of invalid templates: exact messages and positions, which are all that a user sees. */
import { describe, expect, it } from "vitest";
import { loadError, templateText } from "./support.js";

/** Returns the position of an excerpt as `line:column`, counted from 1. */
function placeOf(text: string, excerpt: string): string {
  const lines = text.slice(0, text.indexOf(excerpt)).split("\n");
  return `${lines.length}:${(lines.at(-1)?.length ?? 0) + 1}`;
}

/** Problems, each with the excerpt at its position. */
const cases: { what: string; text: string; lines: [excerpt: string, message: string][] }[] = [
  {
    what: "text that is no JSON",
    text: '{\n  "name": "demo",\n  "base": \n}',
    lines: [["}", "not JSON: ValueExpected"]],
  },
  {
    what: "a key that stands twice",
    text: '{ "name": "a",\n  "name": "b", "base": { "path": "x" } }',
    lines: [['"name": "b"', 'duplicate key "name"']],
  },
  {
    what: "a list in place of the document",
    text: "[]",
    lines: [["[", "(the whole document): expected an object, found an array"]],
  },
  {
    what: "missing keys",
    text: "{}",
    lines: [
      ["{", "name: is missing; expected a string"],
      [
        "{",
        "base: a base is {url, checksum}, {path}, {bootstrap: {suite}}, {appliance} or {install: {iso}}",
      ],
    ],
  },
  {
    what: "unknown keys, at every depth",
    text: templateText({ verison: "1", machine: { cpu: "host", cpuz: 1 } }),
    lines: [
      ["1}", 'machine.cpuz: unknown key "cpuz"'],
      ['"1"', 'verison: unknown key "verison"'],
    ],
  },
  {
    what: "values of the wrong kind",
    text: templateText({
      machine: { cpus: "four", memory: "lots", firmware: "efi" },
      ssh: { timeout: "30" },
    }),
    lines: [
      ['"four"', "machine.cpus: expected a number, found a string"],
      ['"lots"', 'machine.memory: "lots" is not a valid size; use for example "16G" or "512M"'],
      ['"efi"', 'machine.firmware: expected "bios", "uefi", or the files {code, variables}'],
      [
        '"30"',
        'ssh.timeout: "30" is not a valid duration; use for example "90s", "30m" or "1h30m"',
      ],
    ],
  },
  {
    what: "a download without a checksum",
    text: '{ "name": "demo", "base": { "url": "https://example.org/x.qcow2" } }',
    lines: [
      [
        '"base"',
        'base.checksum: a download requires a checksum; use "none" to accept an unverified download',
      ],
    ],
  },
  {
    what: "a base of no kind",
    text: '{ "name": "demo", "base": "bookworm" }',
    lines: [
      [
        '"bookworm"',
        "base: a base is {url, checksum}, {path}, {bootstrap: {suite}}, {appliance} or {install: {iso}}",
      ],
    ],
  },
  {
    what: "actions of no kind and of two, and wrong fields in the right ones",
    text: templateText({
      steps: [
        {
          name: "a",
          actions: [
            { frob: 1 },
            { run: "x", script: "y" },
            { run: 3 },
            { upload: "x" },
            { upload: "x", to: "rel" },
            { reboot: false },
            { wait: "x", timeout: "soon" },
          ],
        },
      ],
    }),
    lines: [
      [
        '{"frob"',
        'steps[0].actions[0]: an action has exactly one of "script", "run", "upload", "download", "write", "reboot", "ansible", "local", "wait"; this one has none of them',
      ],
      [
        '{"run":"x"',
        'steps[0].actions[1]: an action has exactly one of "script", "run", "upload", "download", "write", "reboot", "ansible", "local", "wait"; this one has "script" and "run"',
      ],
      ["3}", "steps[0].actions[2].run: expected a string or an array, found a number"],
      ['{"upload":"x"}', "steps[0].actions[3].to: is missing; expected a string"],
      ['"rel"', "steps[0].actions[4].to: a path in the guest must be absolute"],
      ["false", "steps[0].actions[5].reboot: expected true"],
      [
        '"soon"',
        'steps[0].actions[6].timeout: "soon" is not a valid duration; use for example "90s", "30m" or "1h30m"',
      ],
    ],
  },
  {
    what: "two steps of one name",
    text: templateText({ steps: [{ name: "a" }, { name: "a" }] }),
    lines: [['"a"}]', 'steps[1].name: the name "a" is used by another step']],
  },
  {
    what: "references that lead nowhere, at their own column",
    text: templateText({
      variables: { model: { default: "m" } },
      description: "a ${var.modle} b ${input.x} c ${HOME}",
    }),
    lines: [
      ["${var.modle}", "description: ${var.modle}: no such variable; the template declares model"],
      ["${input.x}", "description: ${input.x}: no such input; the template declares none"],
      [
        "${HOME}",
        "description: ${HOME} is not a valid reference; use ${var.…}, ${input.…}, ${git.…}, ${name} and ${version}, or $${ for a literal ${",
      ],
    ],
  },
  {
    what: "a pattern that is no regular expression",
    text: templateText({ variables: { x: { default: "a", pattern: "(" } } }),
    lines: [
      [
        '"("',
        "variables.x.pattern: not a valid regular expression: Invalid regular expression: /(/u: Unterminated group",
      ],
    ],
  },
  {
    what: "a raw image that is to be compressed",
    text: templateText({ output: { format: "raw", compression: "zstd" } }),
    lines: [['"zstd"', "output.compression: a raw image cannot be compressed"]],
  },
];

describe("an invalid template", () => {
  it.each(cases)("with $what is refused with each place", async ({ text, lines }) => {
    const located = lines.map(
      ([excerpt, message]) => `t.json:${placeOf(text, excerpt)}: ${message}`,
    );
    expect(await loadError(text)).toEqual({ code: "TEMPLATE_INVALID", lines: located });
  });

  it("lists what is wrong with the text, with options and with variables at once", async () => {
    const text = templateText({ variables: { n: { type: "number" } }, verison: "1" });
    const error = await loadError(text, {
      overrides: [{ path: ["machine", "memory"], value: "x", source: "--memory" }],
      inputs: { tree: "/x" },
      variables: { other: "1" },
    });
    expect(error).toEqual({
      code: "TEMPLATE_INVALID",
      lines: [
        '--input tree: inputs: the template declares no input "tree"; it declares none',
        '--memory: machine.memory: "x" is not a valid size; use for example "16G" or "512M"',
        `t.json:${placeOf(text, '"1"')}: verison: unknown key "verison"`,
        '--var other: the template declares no variable "other"; it declares n',
        'variables: the variable "n" has no value; set it with --var n=… or VMBUILD_VAR_n',
      ],
    });
  });
});
