/** Machines of each architecture, and templates that ask for what they do not have. */
import { describe, expect, it } from "vitest";
import { findKernelErrors } from "../../../src/acceptance/kernel-log.js";
import { findFatalLine } from "../../../src/guest/readiness.js";
import { decideAccelerator } from "../../../src/machine/accelerator.js";
import { ARCHITECTURES, hostArchitecture } from "../../../src/machine/architectures/registry.js";
import type { ArchitectureName } from "../../../src/machine/architectures/registry.js";
import { qemuArguments } from "../../../src/machine/argv.js";
import { uefiCandidates } from "../../../src/machine/firmware.js";
import { completeShape } from "../../../src/machine/shape.js";
import type { MachineFiles } from "../../../src/machine/shape.js";
import { planImageMachine, planMachine } from "../../../src/requirements/plan.js";
import { load, templateText } from "../template/support.js";

const FILES: MachineFiles = {
  disk: "/b/disk.qcow2",
  readOnlyDisks: ["/b/seed.iso"],
  firmware: { code: "/o/code,1.fd", variables: "/b/vars.fd" },
  qmpSocket: "/r/x.qmp",
  console: "/b/console.log",
  sshPort: 4022,
};

const withMachine = (machine: object, more: object = {}) =>
  load(templateText({ base: { path: "a.img" }, machine, ...more }));

async function argumentsOf(machine: object, more: Partial<MachineFiles> = {}): Promise<string> {
  const shape = completeShape(planMachine(await withMachine(machine)), "tcg");
  return qemuArguments(shape, { ...FILES, ...more }).join(" ");
}

describe("machine.arch", () => {
  it.each([
    ["x86_64", { binary: "qemu-system-x86_64", machineType: "q35", firmware: "bios" }, /^qemu64,/],
    [
      "aarch64",
      { binary: "qemu-system-aarch64", machineType: "virt", firmware: "uefi" },
      /^cortex/,
    ],
    ["riscv64", { binary: "qemu-system-riscv64", machineType: "virt", firmware: "uefi" }, /^rv64$/],
  ])("%s has defaults of its own", async (arch, own, cpu) => {
    const plan = planMachine(await withMachine({ arch }));
    expect(plan).toMatchObject({ arch, ...own });
    expect(completeShape(plan, "tcg").cpuModel).toMatch(cpu);
    expect(completeShape(plan, "kvm").cpuModel).toBe("host");
  });

  it("is x86_64 unless given, on every host", async () => {
    expect(planMachine(await withMachine({}))).toMatchObject({ arch: "x86_64" });
  });

  it("leaves what a template sets itself", async () => {
    const own = { binary: "/opt/qemu", type: "virt-7.2", cpu: "max" };
    expect(planMachine(await withMachine({ arch: "aarch64", ...own }))).toMatchObject({
      ...{ binary: "/opt/qemu", machineType: "virt-7.2", cpuModel: "max" },
    });
  });

  it.each([
    [{ arch: "arm64" }, 'expected one of "x86_64", "aarch64", "riscv64"'],
    [{ arch: "aarch64", firmware: "bios" }, "machines with arch aarch64 have uefi firmware"],
    [{ arch: "aarch64", diskBus: "sata" }, "the machine type virt has no SATA controller"],
    [
      { arch: "aarch64", disks: [{ name: "data", size: "1G", bus: "sata" }] },
      "machine.disks[0].bus: the machine type virt has no SATA controller",
    ],
    [
      { arch: "aarch64", display: "std" },
      "machine.display: the machine type virt of aarch64 has no graphics card std; use virtio",
    ],
    [
      { arch: "riscv64", secureBoot: true },
      "machine.secureBoot: machines with arch riscv64 have no secure boot",
    ],
    [
      { arch: "riscv64", firmware: { code: "CODE.fd", variables: "VARS.fd" } },
      "machine.firmware: machines with arch riscv64 start this host's U-Boot",
    ],
  ])("refuses %j", async (machine, message) => {
    await expect(withMachine(machine)).rejects.toMatchObject({
      code: "TEMPLATE_INVALID",
      lines: [expect.stringContaining(message)],
    });
  });

  it.each([[{ format: "ova" }], [{ formats: [{ format: "raw" }, { format: "vagrant-libvirt" }] }]])(
    "refuses the output %j, which describes a PC",
    async (output) => {
      await expect(withMachine({ arch: "aarch64" }, { output })).rejects.toMatchObject({
        lines: [
          expect.stringMatching(
            /describes a machine with arch x86_64, but machine.arch is aarch64; use a format of the disk alone/,
          ),
        ],
      });
      await expect(withMachine({}, { output })).resolves.toBeDefined();
    },
  );
});

describe("QEMU's arguments", () => {
  it("for aarch64 have UEFI in two flash devices, and the newest interrupt controller", async () => {
    const args = await argumentsOf({ arch: "aarch64" });
    expect(args).toContain("-machine virt,graphics=off,gic-version=max ");
    expect(args).toContain("if=pflash,format=raw,unit=0,readonly=on,file=/o/code,,1.fd");
    expect(args).toContain("if=pflash,format=raw,unit=1,file=/b/vars.fd");
    expect(args).toContain("pcie-root-port,id=payload-slot");
  });

  it("for aarch64 have secure boot without system management mode", async () => {
    const args = await argumentsOf({ arch: "aarch64", secureBoot: true });
    expect(args).toContain("-machine virt,graphics=off,gic-version=max ");
    expect(args).not.toMatch(/smm|-global/);
    expect(uefiCandidates({ arch: "aarch64", secureBoot: true })).toEqual([
      {
        code: "/usr/share/AAVMF/AAVMF_CODE.ms.fd",
        variablesTemplate: "/usr/share/AAVMF/AAVMF_VARS.ms.fd",
      },
    ]);
  });

  it.each(["aarch64", "riscv64"])("for %s have a TPM that the machine type has", async (arch) => {
    const args = await argumentsOf({ arch, tpm: true }, { tpmSocket: "/r/x.tpm" });
    expect(args).toContain("-device tpm-tis-device,tpmdev=vmb-tpm0");
  });

  it("do not replace an interrupt controller that the template chooses", async () => {
    const args = await argumentsOf({ arch: "aarch64", type: "virt,gic-version=3" });
    expect(args).toContain("-machine virt,gic-version=3,graphics=off ");
  });

  it("for riscv64 have U-Boot, unless an installer's kernel takes its place", async () => {
    const args = await argumentsOf({ arch: "riscv64" });
    expect(args).toContain("-kernel /o/code,1.fd");
    expect(args).not.toContain("pflash");
    const kernel = { kernel: "/i/linux", commandLine: "quiet" };
    const direct = await argumentsOf({ arch: "riscv64" }, { kernel });
    // QEMU uses the last one.
    expect(direct.lastIndexOf("-kernel /i/linux")).toBeGreaterThan(direct.indexOf("-kernel /o/"));
  });

  it.each(["aarch64", "riscv64"])("for %s have no device of a PC", async (arch) => {
    const more = { hasScreen: true, cds: ["/b/a.iso"], cdBus: "sata" } as const;
    const args = await argumentsOf({ arch }, more);
    expect(args).not.toMatch(/isa-|ide-|VGA|floppy/);
    expect(args).toContain("virtio-gpu-pci,id=screen");
    expect(args).toContain("usb-kbd");
    expect(args).toContain("scsi-cd,bus=scsi.0,drive=cd0");
  });
});

describe("KVM", () => {
  const foreign = ARCHITECTURES.map(({ name }) => name).find(
    (name) => name !== hostArchitecture()?.name,
  ) as ArchitectureName;

  it("is refused for a guest of another architecture, with a hint at emulation", async () => {
    const machine = planMachine(await withMachine({ arch: foreign }));
    await expect(decideAccelerator("kvm", machine)).rejects.toMatchObject({
      code: "HOST_KVM_UNUSABLE",
      message: expect.stringContaining(
        `KVM cannot run a guest with machine.arch ${foreign}`,
      ) as string,
      hint: expect.stringContaining("--accel tcg") as string,
    });
    await expect(decideAccelerator("tcg", machine)).resolves.toEqual({ accelerator: "tcg" });
  });
});

describe("the machine of a finished image", () => {
  it("is that of the image's architecture, whatever the template says", async () => {
    const template = await withMachine({ type: "pc", cpu: "Haswell", cpus: 3, arguments: ["-s"] });
    expect(planImageMachine(template, "x86_64")).toEqual(planMachine(template));
    expect(planImageMachine(template, "aarch64")).toMatchObject({
      ...{ arch: "aarch64", binary: "qemu-system-aarch64", machineType: "virt", cpus: 3 },
      ...{ firmware: "uefi", cpuModel: undefined, extraArguments: [] },
    });
  });

  it("keeps the devices that the other architecture has, too", async () => {
    const shared = {
      ...{ tpm: true, networks: [{ model: "e1000" }], diskBus: "sata", display: "std" },
      disks: [{ name: "data", size: "1G", bus: "scsi" }],
      ...{ secureBoot: true, firmware: { code: "CODE.fd", variables: "VARS.fd" } },
    };
    const template = await withMachine(shared);
    const image = planImageMachine(template, "aarch64");
    expect(image).toMatchObject({
      ...{ tpm: true, diskBus: "virtio", disks: [{ name: "data", bus: "scsi" }] },
      ...{ networks: [{ model: "e1000" }], firmware: "uefi", secureBoot: true },
    });
    expect(Object.keys(image)).not.toEqual(expect.arrayContaining(["uefiFiles"]));
    expect(Object.keys(image)).not.toEqual(expect.arrayContaining(["display"]));
    expect(planImageMachine(template, "riscv64").secureBoot).toBeUndefined();
  });
});

describe("consoles of other architectures", () => {
  it.each(["No bootable device.", "BdsDxe: No bootable option or device was found.", "=>"])(
    "show with %j that nothing can be booted",
    (line) => {
      expect(findFatalLine(["U-Boot 2023.01", line])).toBe(line);
    },
  );

  it.each([
    "[    7.1] Internal error: Oops: 0000000096000004 [#1] SMP",
    "[    7.1] Internal error: Oops - BUG: 00000000f2000800 [#1] SMP",
    "[    7.1] Oops [#1]",
  ])("show the oops %j", (line) => {
    expect(findKernelErrors([line, "app: Internal error: 5"])).toEqual([line]);
  });
});
