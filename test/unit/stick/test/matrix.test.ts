/** Combinations of firmware and disk in which a stick is tested, and their machines. */
import { describe, expect, it } from "vitest";
import { isStickTable } from "../../../../src/stick/test/check-stick.js";
import { planStickMachine, stickArguments } from "../../../../src/stick/test/machine.js";
import { combinationsOf, titleOf } from "../../../../src/stick/test/matrix.js";

const titles = (...args: Parameters<typeof combinationsOf>): string[] =>
  combinationsOf(...args).map(titleOf);

describe("the combinations", () => {
  it("are both kinds of firmware and each bus once, unless options name others", () => {
    expect(titles()).toEqual(["BIOS, SATA", "UEFI, virtio", "UEFI, NVMe"]);
  });

  it("are each of the given ones, and all of what is not given", () => {
    expect(titles(["secure-boot"], ["nvme"])).toEqual(["UEFI with secure boot, NVMe"]);
    expect(titles(["bios", "bios"])).toEqual(["BIOS, NVMe", "BIOS, SATA", "BIOS, virtio"]);
    expect(titles(undefined, ["sata"])).toEqual(["BIOS, SATA", "UEFI, SATA"]);
  });
});

describe("the machine", () => {
  const machine = { name: "nodes", memory: 2 ** 31, cpus: 2 };

  it("has secure boot where it is asked for, and no network", () => {
    expect(planStickMachine(machine, "secure-boot", "nvme")).toMatchObject({
      firmware: "uefi",
      secureBoot: true,
      diskBus: "nvme",
      network: "isolated",
    });
    expect(planStickMachine(machine, "bios")).toMatchObject({
      firmware: "bios",
      secureBoot: false,
    });
  });

  it("tries the stick before its disk", () => {
    const args = stickArguments("/scratch/stick.qcow2");
    expect(args.join(" ")).toContain("usb-storage,bus=usb.0,drive=stick,removable=on,bootindex=0");
    expect(args.join(" ")).toContain('"filename":"/scratch/stick.qcow2"');
  });
});

describe("the image of a stick", () => {
  const table = (name: string): Buffer => {
    const head = Buffer.alloc(20 * 1024);
    head.write("EFI PART", 512, "latin1");
    head.write(name, 1024 + 56, "utf16le");
    return head;
  };

  it("is known by the name of its data partition", () => {
    expect(isStickTable(table("installer-0123456789abcdef"))).toBe(true);
    expect(isStickTable(table("root"))).toBe(false);
    expect(isStickTable(Buffer.alloc(20 * 1024))).toBe(false);
  });
});
