/** Formats of a template's images: settings that are refused, with their places. */
import { describe, expect, it } from "vitest";
import { load, loadError, templateText } from "./support.js";

const formats = (...images: Record<string, unknown>[]) => ({ output: { formats: images } });
const ROWS: [why: string, more: Record<string, unknown>, ...lines: string[]][] = [
  [
    "a compression that a further format lacks",
    formats({ format: "vmdk", compression: "zstd" }),
    "output.formats[0].compression: a vmdk image cannot be compressed",
  ],
  [
    "the variant of another format",
    { output: { format: "vhd", subformat: "streamOptimized" } },
    "output.subformat: the format vhd has the variants fixed",
  ],
  [
    "a variant of a format that has none",
    formats({ format: "raw", subformat: "fixed" }),
    "output.formats[0].subformat: the format raw has no variants",
  ],
  [
    "an archive that is packed",
    formats({ format: "ova", pack: "xz" }),
    "output.formats[0].pack: a file of the format ova is compressed already",
  ],
  [
    "a Vagrantfile in an image that is no box",
    { output: { vagrantfile: "# x", formats: [{ format: "ova", vagrantfile: "# x" }] } },
    "output.formats[0].vagrantfile: an image of the format ova has no Vagrantfile",
    "output.vagrantfile: an image of the format qcow2 has no Vagrantfile",
  ],
  [
    "further files in an image that is no box, or one that vmbuild writes",
    {
      output: {
        boxFiles: { "info.json": "{}" },
        formats: [{ format: "vagrant-libvirt", boxFiles: { Vagrantfile: "" } }],
      },
    },
    "output.formats[0].boxFiles: vmbuild writes Vagrantfile itself",
    "output.boxFiles: an image of the format qcow2 is no Vagrant box",
  ],
  [
    "two images with the same default name",
    formats({ format: "vmdk" }, { format: "vmdk", subformat: "streamOptimized" }),
    'output.formats[1]: the image would have the name "demo-0.0.0.vmdk" of output.formats[0]; give it another filename',
  ],
  [
    "the first image again",
    formats({ format: "qcow2", compression: "zlib" }),
    'output.formats[0]: the image would have the name "demo-0.0.0.qcow2" of output; give it another filename',
  ],
  [
    "a name that differs in case alone",
    formats({ format: "raw", filename: "Demo-0.0.0.QCOW2" }),
    'output.formats[0].filename: the image would have the name "Demo-0.0.0.QCOW2" of output; give it another filename',
  ],
  [
    "a reserved name",
    formats({ format: "raw", filename: "manifest.json" }),
    'output.formats[0].filename: the image cannot have the name "manifest.json": manifest.json is reserved for the manifest',
  ],
  [
    "a download with the name of a further image",
    {
      ...formats({ format: "ova" }),
      steps: [{ name: "s", actions: [{ download: "/etc/motd", to: "demo-0.0.0.ova.sha256" }] }],
    },
    'steps[0].actions[0].to: "demo-0.0.0.ova.sha256" is reserved for the image\'s sha256 checksum file',
  ],
  [
    "a disk that is too large for a format",
    { machine: { disk: "3T" }, ...formats({ format: "vmdk" }, { format: "vhd" }) },
    "output.formats[1].format: a vhd image holds a disk of at most 2040G; machine.disk is 3T",
  ],
];

describe("images of a template", () => {
  it.each(ROWS)("are refused with %s", async (_why, more, ...expected) => {
    const { code, lines } = await loadError(templateText(more));
    expect(code).toBe("TEMPLATE_INVALID");
    expect(lines.map((text) => text.replace(/^.*t\.json:\d+:\d+: /, ""))).toEqual(expected);
  });

  it("may have formats, variants and packs from variables", async () => {
    const variables = { f: { default: "vmdk" }, s: { default: "streamOptimized" } };
    const images = formats({ format: "${var.f}", subformat: "${var.s}", pack: "gz" });
    const { output } = await load(templateText({ variables, ...images }));
    expect(output.formats).toEqual([{ format: "vmdk", subformat: "streamOptimized", pack: "gz" }]);
  });
});
