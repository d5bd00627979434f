/** Whole templates: sources, builds, provisioners, dynamic blocks, selection, files. */
import { describe, expect, it } from "vitest";
import type { PackerBlock, PackerLoadOptions, PackerTemplate } from "../../../src/packer/model.js";
import { loadPackerTemplate } from "../../../src/packer/load.js";
import { NOW, folderOf, plain, problemTexts, problemsOf, readFiles, template } from "./support.js";

/** A block as `type labels { name = value }`, in JSON. */
function brief({ type, labels, attributes, blocks }: PackerBlock): unknown[] {
  const values = Object.fromEntries(
    [...attributes].map(([name, { value }]) => [name, plain(value)]),
  );
  return [[type, ...labels].join(" "), values, ...blocks.map(brief)];
}

function sourceOf(read: PackerTemplate, index = 0) {
  const source = read.builds.flatMap(({ sources }) => sources)[index];
  if (!source) throw new Error("there is no such source");
  return source;
}

const FULL = `
packer {
  required_version = ">= 1.7.0"
  required_plugins {
    qemu = {
      version = ">= 1.0.0"
      source  = "github.com/hashicorp/qemu"
    }
  }
}
source "qemu" "a" {
  name_of = "\${source.type}/\${source.name}"
  memory  = 1024
  root    = path.root
  cwd     = path.cwd
  version = packer.version
  vm_name = "{{ .Name }}"
}
source "qemu" "b" {}
source "null" "n" { communicator = "none" }
build {
  name        = "images"
  description = "Two images"
  sources     = ["source.qemu.a", "null.n"]
  source "source.qemu.b" {
    name    = "special"
    memory  = 2048
    nested { x = source.name }
  }
  provisioner "shell" {
    inline           = ["echo \${build.name} \${source.name} \${build.Host}", "echo {{ .Vars }}"]
    pause_before     = "5s"
    override         = { special = { inline = ["other"], timeout = "1m" } }
  }
  provisioner "file" {
    only   = ["qemu.special"]
    source = "x"
  }
  provisioner "shell-local" {
    except = ["null.n"]
    inline = ["x"]
  }
  error-cleanup-provisioner "shell-local" { inline = ["clean"] }
  post-processor "manifest" { output = "m.json" }
  post-processors {
    post-processor "checksum" { checksum_types = ["md5"] }
    post-processor "shell-local" {
      name   = "last"
      inline = ["x"]
    }
  }
}
`;

describe("builds", () => {
  it("evaluate every source with all that applies to it", () => {
    const read = template(FULL);
    expect(read.packer).toMatchObject({
      requiredVersion: ">= 1.7.0",
      requiredPlugins: [{ name: "qemu", version: ">= 1.0.0", source: "github.com/hashicorp/qemu" }],
    });
    expect(read.builds).toMatchObject([{ name: "images", description: "Two images" }]);
    const ids = read.builds[0]?.sources.map(({ id, buildName, localName }) => [
      id,
      buildName,
      localName,
    ]);
    expect(ids).toEqual([
      ["images.qemu.a", "a", "a"],
      ["images.null.n", "n", "n"],
      ["images.qemu.special", "b", "special"],
    ]);
    expect(brief(sourceOf(read).block)).toEqual([
      "source qemu a",
      {
        name_of: "qemu/a",
        memory: 1024,
        root: read.folder,
        cwd: read.cwd,
        version: "1.14.0",
        vm_name: "{{ .Name }}",
      },
    ]);
    expect(sourceOf(read).provisioners.map(brief)).toMatchObject([
      ["provisioner shell", { inline: ["echo images a {{ build `Host` }}", "echo {{ .Vars }}"] }],
      ["provisioner shell-local", { inline: ["x"] }],
    ]);
    expect(sourceOf(read, 1).provisioners.map(brief)).toMatchObject([["provisioner shell", {}]]);
  });

  it("apply a build's own source block, override, only and except", () => {
    const source = sourceOf(template(FULL), 2);
    expect(brief(source.block)).toEqual([
      "source qemu b",
      { memory: 2048 },
      ["nested", { x: "special" }],
    ]);
    expect(source.overrides?.attributes.get("memory")?.value).toBe(2048);
    expect(source.provisioners.map(brief)).toMatchObject([
      ["provisioner shell", { inline: ["other"], timeout: "1m", pause_before: "5s" }],
      ["provisioner file", { source: "x" }],
      ["provisioner shell-local", {}],
    ]);
    expect(source.errorCleanup && brief(source.errorCleanup)).toMatchObject([
      "error-cleanup-provisioner shell-local",
      { inline: ["clean"] },
    ]);
    expect(source.postProcessors.map((chain) => chain.map(({ labels }) => labels[0]))).toEqual([
      ["manifest"],
      ["checksum", "shell-local"],
    ]);
  });

  it.each<[PackerLoadOptions, string[]]>([
    [{ only: ["images.qemu.*"] }, ["images.qemu.a", "images.qemu.special"]],
    [{ only: ["*.n"] }, ["images.null.n"]],
    [{ only: ["images.{qemu,null}.[an]"] }, ["images.qemu.a", "images.null.n"]],
    [{ except: ["images.qemu.?"] }, ["images.null.n", "images.qemu.special"]],
    [{ only: ["*"], except: ["*qemu*"] }, ["images.null.n"]],
  ])("select with %j", (options, ids) => {
    expect(template(FULL, options).builds[0]?.sources.map(({ id }) => id)).toEqual(ids);
  });

  it("do not evaluate what does not apply", () => {
    const read = template(`
source "qemu" "a" {}
build {
  sources = ["qemu.a"]
  provisioner "shell" {
    only   = ["qemu.b"]
    inline = [[][1]]
  }
}`);
    expect(sourceOf(read).provisioners).toEqual([]);
  });

  it("leave out post-processors that except names, and what follows in their chain", () => {
    const chains = (except: string[]): unknown =>
      sourceOf(template(FULL, { except })).postProcessors.map((chain) =>
        chain.map(({ labels }) => labels[0]),
      );
    expect(chains(["last"])).toEqual([["manifest"], ["checksum"]]);
    expect(chains(["checksum"])).toEqual([["manifest"]]);
  });

  it("report a selection that leaves nothing", () => {
    const reading = readFiles({ "a.pkr.hcl": FULL }, { only: ["qemu.a"] });
    expect(problemTexts(reading)).toEqual([
      expect.stringMatching(/^--only and --except leave nothing of /),
    ]);
    expect(problemTexts(readFiles({ "a.pkr.hcl": FULL }, { only: ["{a"] }))).toContain(
      '"{a" of --only is not a valid pattern.',
    );
  });
});

describe("dynamic blocks", () => {
  it("are expanded over lists, sets and maps, also nested and with labels", () => {
    const read = template(`
variable "scripts" { default = ["a", "b"] }
source "qemu" "x" {
  dynamic "disk" {
    for_each = { one = 1, two = 2 }
    iterator = entry
    content {
      name = entry.key
      dynamic "part" {
        for_each = convert([entry.value], set(number))
        content { size = "\${part.key}-\${part.value}-\${entry.key}" }
      }
    }
  }
}
build {
  sources = ["source.qemu.x"]
  dynamic "provisioner" {
    for_each = var.scripts
    labels   = ["shell"]
    content {
      script = "\${provisioner.key}-\${provisioner.value}"
      fixed  = 1
    }
  }
}`);
    expect(brief(sourceOf(read).block)).toEqual([
      "source qemu x",
      {},
      ["disk", { name: "one" }, ["part", { size: "1-1-one" }]],
      ["disk", { name: "two" }, ["part", { size: "2-2-two" }]],
    ]);
    expect(sourceOf(read).provisioners.map(brief)).toEqual([
      ["provisioner shell", { script: "0-a", fixed: 1 }],
      ["provisioner shell", { script: "1-b", fixed: 1 }],
    ]);
    expect(sourceOf(read).provisioners[0]?.attributes.get("script")?.dependsOn).toEqual([
      "var.scripts",
    ]);
  });

  it("report what is missing", () => {
    expect(
      problemsOf('source "qemu" "x" {\n  dynamic "disk" {}\n}\nbuild {\n  sources = ["qemu.x"]\n}'),
    ).toEqual(['2:3 A "dynamic" block needs "for_each" and one "content" block.']);
  });
});

describe("problems of templates", () => {
  it("are listed all at once, each with its place", () => {
    expect(
      problemsOf(`
surce "qemu" "x" {}
x = 1
source "qemu" "x" {}
source "qemu" "x" {}
build {
  sources = ["source.qemu.x", "source.qemu.y", "z"]
  names   = "a"
  provisoner "shell" {}
  provisioner "shell" {
    only   = ["a"]
    except = ["b"]
    inline = [source.nme]
  }
}
build {
  sources = ["qemu.y"]
}
`),
    ).toEqual([
      '2:1 Packer has no block "surce". The blocks of a template are packer, variable, variables, local, locals, data, source, hcp_packer_registry, build, dynamic.',
      '3:1 "x" is not inside a block. A template has blocks only; values of variables belong in a .pkrvars.hcl file.',
      '5:1 The source "qemu.x" is defined already, in a.pkr.hcl line 4.',
      '7:48 "z" is not a source, such as "source.qemu.name".',
      '8:3 A build has no argument "names".',
      '9:3 A build has no block "provisoner".',
      '17:14 There is no source "qemu.y". The sources are qemu.x.',
    ]);
  });

  it("name data sources and their arguments, not what depends on them", () => {
    expect(
      problemsOf(`
data "amazon-ami" "sum" {
  url = "https://example.com"
}
data "http" "a" { adress = "https://example.com" }
data "http" "b" { request_headers = "text" }
data "external-raw" "c" { program = "uname" }
data "http" {}
data "null" "d" { input = "1" }
data "null" "d" { input = "2" }
locals { a = split(" ", data.amazon-ami.sum.body)[0] }
locals { b = data.null.e.output }
source "qemu" "x" { iso_checksum = local.a }
build { sources = ["source.qemu.x"] }
`),
    ).toEqual([
      expect.stringMatching(
        /^2:1 The data source "amazon-ami\.sum" is not supported: vmbuild has http, external, /,
      ),
      '5:1 A data source "http" needs "url".',
      '5:19 A data source "http" has no argument "adress".',
      '6:1 A data source "http" needs "url".',
      '6:37 "request_headers" of a data source: a map is required, not the text "text".',
      '7:37 "program" of a data source: a list is required, not the text "uname".',
      '8:1 A "data" block has two labels, its type and its name.',
      '10:1 The data source "null.d" is defined already.',
      '12:14 This object has no attribute "e".',
    ]);
  });

  it("of a source that no build uses do not count", () => {
    expect(
      problemsOf(
        'source "x" "y" { a = var.none }\nsource "qemu" "x" {}\nbuild { sources = ["source.qemu.x"] }',
      ),
    ).toEqual([]);
  });

  it("warn where a function gets a value that is known later", () => {
    const { warnings } = readFiles({
      "a.pkr.hcl":
        'source "qemu" "x" {}\nbuild {\n  sources = ["qemu.x"]\n  provisioner "shell" {\n    inline = [upper(build.Host), format("%s", build.Port)]\n  }\n}',
    });
    expect(warnings).toMatchObject([{ place: { line: 5, column: 15, text: "upper(build.Host)" } }]);
  });

  it("are thrown as one error with places and expressions", () => {
    const cwd = folderOf({
      "a.pkr.hcl": 'source "qemu" "x" {\n  a = var.b\n}\nbuild { sources = ["qemu.x"] }',
    });
    expect(() => loadPackerTemplate(".", { cwd })).toThrow(
      expect.objectContaining({
        code: "TEMPLATE_INVALID",
        message: "The Packer template . has 1 problem.",
        lines: ["a.pkr.hcl:2:7: var.b is not defined.", "  var.b"],
      }),
    );
  });

  it("say that there is no template", () => {
    const cwd = folderOf({ "readme.md": "" });
    for (const path of [".", "none.pkr.hcl"]) {
      expect(() => loadPackerTemplate(path, { cwd })).toThrow(
        expect.objectContaining({ code: "TEMPLATE_NOT_FOUND" }),
      );
    }
  });

  it("name a file that is not UTF-8", () => {
    const reading = readFiles({ "a.pkr.hcl": "" });
    expect(problemTexts(reading)).toEqual(["The template has no build block."]);
  });
});

describe("files", () => {
  it("of a folder are read together, and functions read from the folder", () => {
    const cwd = folderOf({
      "t/variables.pkr.hcl": 'variable "a" { default = "b" }',
      "t/build.pkr.hcl": 'build { sources = ["source.qemu.x"] }',
      "t/source.pkr.json":
        '{ "source": { "qemu": { "x": { "v": "${file(\\"files/f\\")}", "w": "${var.a}${1 + 1}" } } } }',
      "t/files/f": "content",
      "t/other.hcl": "not = read",
    });
    const { template: read } = loadPackerTemplate("t", { cwd, now: NOW, environment: {} });
    expect(brief(sourceOf(read).block)).toEqual(["source qemu x", { v: "content", w: "b2" }]);
    expect(read.files.map((path) => path.slice(cwd.length))).toEqual([
      "/t/build.pkr.hcl",
      "/t/variables.pkr.hcl",
      "/t/source.pkr.json",
    ]);
    expect(read.readFiles.map((path) => path.slice(cwd.length))).toEqual(["/t/files/f"]);
  });

  it("in HCL's JSON syntax keep the order of provisioners", () => {
    const json = JSON.stringify({
      "//": "comment",
      variable: { v: { type: "list(string)", default: ["a"] } },
      locals: { l: "${[for x in var.v : upper(x)]}", m: "${local.l[0]}-${path.root}" },
      source: { qemu: { x: { memory: 512, boot_command: ["<enter>", "${local.l[0]}"] } } },
      build: [
        {
          name: "b",
          sources: ["source.qemu.x"],
          provisioner: [
            { shell: { inline: ["1"] } },
            { file: { source: "a" } },
            { shell: { inline: ["2"] } },
          ],
          "post-processors": [{ "post-processor": [{ manifest: {} }, { compress: {} }] }],
        },
      ],
    });
    const reading = readFiles({ "a.pkr.json": json }, {}, "a.pkr.json");
    expect(problemTexts(reading)).toEqual([]);
    const source = reading.template && sourceOf(reading.template);
    expect(source && brief(source.block)).toEqual([
      "source qemu x",
      { boot_command: ["<enter>", "A"], memory: 512 },
    ]);
    expect(source?.provisioners.map(({ labels }) => labels[0])).toEqual(["shell", "file", "shell"]);
    expect(source?.postProcessors.map((chain) => chain.map(({ labels }) => labels[0]))).toEqual([
      ["manifest", "compress"],
    ]);
  });

  it("in JSON have places for their problems", () => {
    const text =
      '{\n  "locals": { "a": "x ${var.b}" },\n  "build": { "sources": "x", "provisioner": { "shell": { "a": "\\t${1 / 0}" } } }\n}';
    expect(problemTexts(readFiles({ "a.pkr.json": text }, {}, "a.pkr.json"))).toEqual([
      "2:25 var.b is not defined.",
      '3:25 "sources" must be a list of texts.',
    ]);
    expect(problemTexts(readFiles({ "a.pkr.json": '{ "a": }' }, {}, "a.pkr.json"))[0]).toMatch(
      /^1:8 The JSON is not valid here: /,
    );
  });
});
