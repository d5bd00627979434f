/** Older JSON templates. */
import { describe, expect, it } from "vitest";
import type { PackerBlock, PackerLoadOptions } from "../../../src/packer/model.js";
import { plain, problemTexts, readFiles } from "./support.js";

function read(
  content: unknown,
  options: PackerLoadOptions = {},
  files: Record<string, string> = {},
) {
  const text = typeof content === "string" ? content : JSON.stringify(content, undefined, 1);
  return readFiles({ "t.json": text, ...files }, options, "t.json");
}

function sources(content: unknown, options: PackerLoadOptions = {}) {
  const reading = read(content, options);
  expect(problemTexts(reading)).toEqual([]);
  return reading.template?.builds.flatMap((build) => build.sources) ?? [];
}

function values(block: PackerBlock | undefined): unknown {
  return Object.fromEntries(
    [...(block?.attributes ?? [])].map(([name, { value }]) => [name, plain(value)]),
  );
}

const builder = (more: object) => ({ builders: [{ type: "qemu", ...more }] });

describe("values", () => {
  it("are rendered as far as they are known while the template is read", () => {
    const { template: reading } = read(
      {
        variables: {
          name: "web",
          full: '{{user `name`}}-{{isotime "2006-01-02"}}',
          home: "{{env `HOME`}}",
        },
        ...builder({
          vm_name: "{{user `full`}}.qcow2",
          home: '{{ user "home" }}',
          time: '{{timestamp}} {{isotime}} {{strftime "%Y"}}',
          folder: "{{template_dir}}",
          parts:
            "{{split `a-b-c` `-` 1}}{{upper `x`}}{{replace_all `a` `b` `aa`}}{{`raw` | upper}}",
          names: "{{build_name}} {{build_type}} {{packer_version}}",
          choice: "{{if eq (user `name`) `web`}}yes{{else}}no{{end}}",
          later:
            "http://{{ .HTTPIP }}:{{ .HTTPPort }}/{{user `name`}} {{ build `ID` }} {{ .Vars }}",
          mixed: "{{if .Debug}}{{user `name`}}{{end}}",
          number: 5,
          nested: [{ a: "{{user `name`}}" }],
        }),
      },
      { environment: { HOME: "/home/h" } },
    );
    const source = reading?.builds[0]?.sources[0];
    expect(values(source?.block)).toEqual({
      vm_name: "web-2026-03-04.qcow2",
      home: "/home/h",
      time: "1772600767 2026-03-04T05:06:07Z 2026",
      folder: reading?.folder,
      parts: "bXbbRAW",
      names: "qemu qemu 1.14.0",
      choice: "yes",
      later: "http://{{ .HTTPIP }}:{{ .HTTPPort }}/web {{ build `ID` }} {{ .Vars }}",
      mixed: "{{if .Debug}}{{user `name`}}{{end}}",
      number: 5,
      nested: [{ a: "web" }],
    });
    expect(source?.block.attributes.get("vm_name")?.dependsOn).toEqual(["var.full", "var.name"]);
  });

  it("come from --var above files of variables above defaults", () => {
    const content = {
      variables: { a: "1", b: "1", c: "1" },
      ...builder({ v: "{{user `a`}}{{user `b`}}{{user `c`}}" }),
    };
    const reading = read(
      content,
      { variables: [["c", "3"]], variableFiles: ["v.json", "w.json"] },
      { "v.json": '{ "b": "x", "c": 2, "none": null }', "w.json": '{ "b": 2 }' },
    );
    expect(values(reading.template?.builds[0]?.sources[0]?.block)).toEqual({ v: "123" });
  });

  it("that are sensitive are named", () => {
    const reading = read({
      variables: { p: "secret", q: "{{user `p`}}!" },
      "sensitive-variables": ["p"],
      ...builder({ ssh_password: "{{user `p`}}", other: "x" }),
    });
    expect(reading.template?.secrets).toEqual(["secret"]);
    const block = reading.template?.builds[0]?.sources[0]?.block;
    expect(block?.attributes.get("ssh_password")?.sensitive).toBe(true);
    expect(block?.attributes.get("other")?.sensitive).toBe(false);
  });

  it("are refused for an undeclared one only where no variable refers to another, as in Packer", () => {
    const own = { a: "x{{user `none`}}", b: "y" };
    expect(read({ variables: own, ...builder({ v: "{{user `a`}}" }) }).problems).toMatchObject([
      { message: 'The variable "none", to which "a" refers, is not declared.' },
    ]);
    const content = {
      variables: { ...own, c: "{{user `b`}}" },
      ...builder({ v: "[{{user `a`}}] [{{user `c`}}]" }),
    };
    const lenient = read(content);
    expect(lenient.problems).toEqual([]);
    expect(lenient.warnings).toMatchObject([
      { message: expect.stringMatching(/^The variable "none", to which "a" refers/) as string },
    ]);
    expect(values(lenient.template?.builds[0]?.sources[0]?.block)).toEqual({ v: "[] [y]" });
    const given = read(content, { variables: [["a", "given {{user `none`}}"]] });
    expect(values(given.template?.builds[0]?.sources[0]?.block)).toEqual({ v: "[given ] [y]" });
  });

  it("warn of a variable that is not declared, which is empty", () => {
    const reading = read(builder({ v: "a{{user `none`}}" }));
    expect(reading.warnings).toMatchObject([
      { message: 'The variable "none" is not declared; Packer takes an empty text.' },
    ]);
    expect(values(reading.template?.builds[0]?.sources[0]?.block)).toEqual({ v: "a" });
  });
});

describe("builders", () => {
  const content = {
    _comment: "ignored",
    builders: [
      { type: "qemu", name: "one", memory: 1 },
      { type: "null" },
      { type: "qemu", name: "three" },
    ],
    provisioners: [
      { type: "shell", inline: ["a"], override: { one: { inline: ["b"] } } },
      { type: "file", only: ["one", "null"] },
      { type: "shell", except: ["one"], inline: ["{{build_name}}"] },
    ],
    "error-cleanup-provisioner": { type: "shell-local", inline: ["c"] },
    "post-processors": [
      "manifest",
      [{ type: "compress" }, { type: "vagrant", name: "box", only: ["one"] }],
    ],
  };
  const outline = (options: PackerLoadOptions) =>
    sources(content, options).map(({ id, provisioners, postProcessors }) => [
      id,
      provisioners.map(({ labels }) => labels[0]),
      postProcessors.map((chain) => chain.map(({ labels }) => labels[0])),
    ]);

  it("get the provisioners and post-processors that apply to them", () => {
    expect(outline({})).toEqual([
      ["one", ["shell", "file"], [["manifest"], ["compress", "vagrant"]]],
      ["null", ["shell", "file", "shell"], [["manifest"], ["compress"]]],
      ["three", ["shell", "shell"], [["manifest"], ["compress"]]],
    ]);
    const [one, two] = sources(content);
    expect(values(one?.provisioners[0])).toMatchObject({ inline: ["b"] });
    expect(values(two?.provisioners[2])).toMatchObject({ inline: ["null"] });
    expect(one?.errorCleanup?.labels).toEqual(["shell-local"]);
  });

  it("do not render what does not apply to them", () => {
    const step = { type: "shell", only: ["other"], inline: ["{{split `a` `b` 5}}"] };
    expect(sources({ ...builder({}), provisioners: [step] })[0]?.provisioners).toEqual([]);
  });

  it("are selected by name", () => {
    expect(outline({ only: ["one"], except: ["box"] })).toEqual([
      ["one", ["shell", "file"], [["manifest"], ["compress"]]],
    ]);
  });
});

describe("problems", () => {
  it("are listed all at once with places", () => {
    const text = `{
  "variables": {
    "must": null,
    "a": "{{user \`b\`}}",
    "b": "{{user \`a\`}}",
    "list": []
  },
  "builders": [
    { "type": "qemu", "x": "{{user \`must\`}}", "y": "{{ nope", "z": "{{env \`HOME\`}}" },
    { "type": "qemu" },
    { "name": "n" }
  ],
  "provisioners": [{ "inline": [] }],
  "builder": []
}`;
    expect(problemTexts(read(text))).toEqual([
      '3:13 The variable "must" must be given: --var must=… or --var-file.',
      "4:10 Variables depend on each other in a circle: a -> b -> a.",
      "6:13 The default of a variable is a text, a number, true, false or null.",
      '6:13 The variable "list" must be given: --var list=… or --var-file.',
      '9:52 The Go template action "{{ nope" is not closed by "}}".',
      '10:5 Two builders are named "qemu". Give each its own "name".',
      '11:5 A builder needs "type".',
      '13:20 A provisioner needs "type".',
      '14:3 A JSON template has no "builder".',
    ]);
  });

  it("name what is not a template", () => {
    expect(problemTexts(read('{ "a": 1 }'))).toEqual([
      '1:1 The template has no "builders", so it is not one of Packer\'s JSON templates.',
      '1:3 A JSON template has no "a".',
    ]);
    expect(problemTexts(read("{"))[0]).toMatch(/^1:2 The JSON is not valid here: /);
  });

  it("refuse secret stores", () => {
    expect(problemTexts(read({ variables: { a: "{{vault `x` `y`}}" }, ...builder({}) }))).toEqual([
      expect.stringContaining('"vault" is not supported: vmbuild does not read secret stores.'),
    ]);
  });
});
