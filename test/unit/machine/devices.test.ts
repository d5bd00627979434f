/** QEMU's arguments for disks, networks, firmware and TPM that most machines do not have. */
import { describe, expect, it } from "vitest";
import { qemuArguments } from "../../../src/machine/argv.js";
import { guestMac } from "../../../src/machine/networks.js";
import type { NetworkCard } from "../../../src/machine/networks.js";
import type { MachineFiles, MachineShape } from "../../../src/machine/shape.js";
import { SMALL_SHAPE } from "../../support/machine.js";

const FILES: MachineFiles = {
  disk: "/b/disk.qcow2",
  disksFolder: "/b/disks",
  readOnlyDisks: ["/b/seed.iso"],
  qmpSocket: "/r/x.qmp",
  tpmSocket: "/r,x.tpm",
  console: "/b/console.log",
  sshPort: 4022,
};

function argumentsOf(shape: Partial<MachineShape>, more: Partial<MachineFiles> = {}): string[] {
  return qemuArguments({ ...SMALL_SHAPE, ...shape }, { ...FILES, ...more });
}

/** Returns the values of an option. */
function valuesOf(args: readonly string[], option: string): string[] {
  return args.flatMap((word, index) => (args[index - 1] === option ? [word] : []));
}

const devicesOf = (shape: Partial<MachineShape>, more: Partial<MachineFiles> = {}): string[] =>
  valuesOf(argumentsOf(shape, more), "-device");

describe("further disks", () => {
  it("are writable qcow2 files, with their name as the serial number", () => {
    const args = argumentsOf({ disks: [{ name: "data", bus: "virtio" }] });
    const nodes = valuesOf(args, "-blockdev").map((text) => JSON.parse(text) as object);
    expect(nodes[1]).toMatchObject({
      driver: "qcow2",
      "node-name": "vmb-disk-data",
      file: { filename: "/b/disks/data.qcow2" },
    });
    expect(nodes[1]).not.toHaveProperty("read-only");
    // Before the seed, so that the kernel's names of the template's disks follow each other.
    expect(valuesOf(args, "-device").slice(0, 3)).toEqual([
      "virtio-blk-pci,drive=disk,bootindex=1",
      "virtio-blk-pci,serial=data,drive=vmb-disk-data",
      "virtio-blk-pci,drive=ro0",
    ]);
  });

  it("share one SCSI controller with the root disk and CDs", () => {
    const disks = [
      { name: "one", bus: "scsi" },
      { name: "two", bus: "scsi" },
    ] as const;
    const devices = devicesOf({ disks }, { cds: ["/c.iso"] });
    expect(devices.filter((device) => device.startsWith("virtio-scsi-pci"))).toHaveLength(1);
    expect(devices).toContain("scsi-hd,bus=scsi.0,serial=two,drive=vmb-disk-two");
    expect(devices).toContain("scsi-cd,bus=scsi.0,drive=cd0,bootindex=2");
  });

  it("take a SATA port each, before CDs", () => {
    const disks = [
      { name: "a", bus: "sata" },
      { name: "b", bus: "nvme" },
      { name: "c", bus: "sata" },
    ] as const;
    const cds = { cds: ["/c.iso"], cdBus: "sata" } as const;
    expect(devicesOf({ diskBus: "sata", disks }, cds)).toEqual(
      expect.arrayContaining([
        "ide-hd,bus=ide.0,drive=disk,bootindex=1",
        "ide-hd,bus=ide.1,serial=a,drive=vmb-disk-a",
        "nvme,serial=b,drive=vmb-disk-b",
        "ide-hd,bus=ide.2,serial=c,drive=vmb-disk-c",
        "ide-cd,bus=ide.3,drive=cd0,bootindex=2",
      ]),
    );
    expect(devicesOf({ machineType: "pc", disks }, cds)).toEqual(
      expect.arrayContaining([
        "ide-hd,bus=ide.0,serial=a,drive=vmb-disk-a",
        "ide-hd,bus=ide.0,unit=1,serial=c,drive=vmb-disk-c",
        "ide-cd,bus=ide.1,unit=0,drive=cd0,bootindex=2",
      ]),
    );
  });
});

describe("networks", () => {
  const card = (kind: NetworkCard["kind"], mac: string, more: object = {}): NetworkCard => ({
    ...{ kind, model: "virtio-net-pci", mac },
    ...more,
  });

  it("have subnets of their own, and the build uses the first that is not a bridge", () => {
    const networks = [
      card("bridge", "52:54:00:00:00:01", { bridge: "br0" }),
      card("user", "52:54:00:00:00:02", { model: "e1000" }),
      card("isolated", "52:54:00:00:00:03"),
    ];
    const args = argumentsOf({ networks });
    expect(valuesOf(args, "-netdev")).toEqual([
      "bridge,id=vmb-net1,br=br0",
      "user,id=net,hostfwd=tcp:127.0.0.1:4022-:22",
      "user,id=vmb-net2,net=10.0.4.0/24,ipv6=off,restrict=on",
    ]);
    expect(valuesOf(args, "-device")).toEqual(
      expect.arrayContaining([
        "virtio-net-pci,netdev=vmb-net1,mac=52:54:00:00:00:01,romfile=,addr=0x11",
        "e1000,netdev=net,mac=52:54:00:00:00:02,romfile=,addr=0x10",
        "virtio-net-pci,netdev=vmb-net2,mac=52:54:00:00:00:03,romfile=,addr=0x12",
      ]),
    );
    expect(guestMac({ network: "user", networks })).toBe("52:54:00:00:00:02");
  });

  it("of the kind bridge turn off the sandbox, in which QEMU cannot start its helper", () => {
    const bridge = [card("user", "52:54:00:00:00:01"), card("bridge", "52:54:00:00:00:02")];
    expect(argumentsOf({ networks: bridge })).not.toContain("-sandbox");
    expect(argumentsOf({ networks: bridge.slice(0, 1) })).toContain("-sandbox");
  });
});

it("lets only the firmware write to its variables for secure boot", () => {
  const args = argumentsOf({ firmware: "uefi", secureBoot: true });
  expect(valuesOf(args, "-machine")).toEqual(["q35,graphics=off,smm=on"]);
  expect(valuesOf(args, "-global")).toContain("driver=cfi.pflash01,property=secure,value=on");
  expect(argumentsOf({ firmware: "uefi" }).join(" ")).not.toContain("smm");
});

it("connects a TPM by its socket", () => {
  const args = argumentsOf({ tpm: true });
  expect(valuesOf(args, "-chardev")).toContain("socket,id=vmb-tpm,path=/r,,x.tpm");
  expect(valuesOf(args, "-device")).toContain("tpm-crb,tpmdev=vmb-tpm0");
  expect(argumentsOf({}).join(" ")).not.toContain("tpm");
});

it.each([
  [{}, { hasScreen: true }, "VGA,id=screen"],
  [{ display: "std" }, {}, "VGA,id=screen"],
  [{ display: "virtio" }, { hasScreen: true }, "virtio-vga,id=screen"],
] as const)("has the display of %j and %j", (shape, files, device) => {
  const devices = devicesOf(shape, files).filter((one) => one.includes("id=screen"));
  expect(devices).toEqual([device]);
});
