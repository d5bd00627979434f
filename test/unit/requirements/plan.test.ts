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
