/** Output and machine that follow from a template. */
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { completeShape } from "../../../src/machine/shape.js";
import { planMachine, planOutput } from "../../../src/requirements/plan.js";
import { load, templateText } from "../template/support.js";

const GIB = 2 ** 30;

describe("planOutput", () => {
  it.each([
    ["nothing", {}, { filename: "demo-1.2.qcow2", format: "qcow2", compression: "zstd" }],
    ["zlib", { compression: "zlib" }, { filename: "demo-1.2.qcow2", compression: "zlib" }],
    ["raw", { format: "raw" }, { filename: "demo-1.2.raw", format: "raw", compression: "none" }],
    ["a name of its own", { filename: "disk.img" }, { filename: "disk.img", format: "qcow2" }],
    ["other checksums", { checksums: ["sha512"] }, { checksums: ["sha512"] }],
    ["a reproducible image", { reproducible: true }, { reproducible: true }],
  ])("with %s", async (_, output, expected) => {
    const template = await load(templateText({ version: "1.2", output }));
    expect(planOutput(template)).toMatchObject(expected);
  });

  it("has one image for each format, the first as it is without others", async () => {
    const formats = [
      { format: "vmdk", subformat: "streamOptimized" },
      { format: "raw", pack: "xz" },
      { format: "qcow2", pack: "gz", compression: "zlib", filename: "other.gz" },
      { format: "vagrant-libvirt" },
    ];
    const [alone, several] = [
      planOutput(await load(templateText({ version: "1.2" }))),
      planOutput(await load(templateText({ version: "1.2", output: { formats } }))),
    ];
    expect({ ...several, images: several.images.slice(0, 1) }).toEqual(alone);
    expect(several.images.map((image) => ({ ...image, path: "" }))).toEqual([
      { filename: "demo-1.2.qcow2", format: "qcow2", compression: "zstd", path: "" },
      {
        filename: "demo-1.2.vmdk",
        format: "vmdk",
        subformat: "streamOptimized",
        compression: "none",
        path: "",
      },
      { filename: "demo-1.2.raw.xz", format: "raw", compression: "none", pack: "xz", path: "" },
      { filename: "other.gz", format: "qcow2", compression: "zlib", pack: "gz", path: "" },
      { filename: "demo-1.2.box", format: "vagrant-libvirt", compression: "none", path: "" },
    ]);
    expect(several.images[1]?.path).toBe(resolve("output/demo/demo-1.2.vmdk"));
  });

  it("does not compress twice", async () => {
    const template = await load(templateText({ output: { pack: "xz" } }));
    const expected = { filename: "demo-0.0.0.qcow2.xz", compression: "none", pack: "xz" };
    expect(planOutput(template)).toMatchObject(expected);
  });

  it.each([
    ["in the template's own folder by default", {}, undefined, "output/demo"],
    ["where the template says", { directory: "/srv/images" }, undefined, "/srv/images"],
    ["where the command line says", { directory: "/srv/images" }, "/elsewhere", "/elsewhere"],
    ["relative to the current folder on the command line", {}, "here", "here"],
  ])("is %s", async (_, output, directory, expected) => {
    const template = await load(templateText({ version: "1.2", output }));
    const { folder, path } = planOutput(template, directory);
    expect(folder).toBe(resolve(expected));
    expect(path).toBe(join(resolve(expected), "demo-1.2.qcow2"));
  });
});

describe("planMachine", () => {
  it("has what the template says", async () => {
    const machine = {
      cpus: 3,
      memory: "2G",
      firmware: "uefi",
      network: "isolated",
      diskBus: "scsi",
      type: "pc",
      binary: "/opt/qemu",
      arguments: ["-device", "virtio-rng-pci"],
    };
    const template = await load(templateText({ machine }));
    expect(completeShape(planMachine(template), "kvm")).toEqual({
      name: "vmbuild-demo",
      arch: "x86_64",
      binary: "/opt/qemu",
      cpus: 3,
      memory: 2 * GIB,
      accelerator: "kvm",
      cpuModel: "host",
      machineType: "pc",
      firmware: "uefi",
      diskBus: "scsi",
      network: "isolated",
      extraArguments: ["-device", "virtio-rng-pci"],
    });
  });

  it.each([
    ["kvm", undefined, /^host$/],
    // Wide vectors and five-level page tables are slow to emulate.
    ["tcg", undefined, /^qemu64,.*\bsse4\.2=on\b/],
    ["kvm", "Skylake-Server", /^Skylake-Server$/],
    ["tcg", "max", /^max$/],
  ] as const)("under %s with cpu %s has the model %s", async (accelerator, cpu, model) => {
    const template = await load(templateText({ machine: cpu === undefined ? {} : { cpu } }));
    expect(completeShape(planMachine(template), accelerator).cpuModel).toMatch(model);
  });
});
