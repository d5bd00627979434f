import { describe, expect, it } from "vitest";
import { qemuArguments } from "../../../src/machine/argv.js";
import { defaultCpuModel } from "../../../src/machine/shape.js";
import type { MachineFiles, MachineShape } from "../../../src/machine/shape.js";

const GIB = 2 ** 30;

/** Default machine. */
const kvm: MachineShape = {
  name: "vmbuild-demo",
  arch: "x86_64",
  binary: "qemu-system-x86_64",
  cpus: 4,
  memory: 16 * GIB,
  accelerator: "kvm",
  cpuModel: defaultCpuModel("kvm"),
  machineType: "q35",
  diskBus: "virtio",
  firmware: "bios",
  network: "user",
  extraArguments: [],
};
const files: MachineFiles = {
  disk: "/b/disk.qcow2",
  readOnlyDisks: ["/b/seed.iso"],
  qmpSocket: "/r/x.qmp",
  console: "/b/console.log",
  sshPort: 4022,
};

function argumentsOf(shape: Partial<MachineShape> = {}, more: Partial<MachineFiles> = {}) {
  return qemuArguments({ ...kvm, ...shape }, { ...files, ...more });
}

/** Returns whether the arguments occur in this order without a gap. */
function has(args: readonly string[], words: readonly string[]): boolean {
  return args.some((_, at) => words.every((word, i) => args[at + i] === word));
}

const tcg: Partial<MachineShape> = { accelerator: "tcg", cpuModel: defaultCpuModel("tcg") };
const uefi: Partial<MachineFiles> = { firmware: { code: "/o/CODE.fd", variables: "/b/vars.fd" } };

describe("qemuArguments", () => {
  it.each<[reason: string, args: string[], words: string[]]>([
    ["KVM, the default", argumentsOf(), ["-enable-kvm", "-cpu", "host"]],
    ["its CPUs", argumentsOf(), ["-smp", "4"]],
    ["its memory, in MiB", argumentsOf(), ["-m", "16384M"]],
    ["memory is rounded up", argumentsOf({ memory: GIB + 1 }), ["-m", "1025M"]],
    [
      "emulation on threads",
      argumentsOf(tcg),
      ["-accel", "tcg,thread=multi", "-cpu", defaultCpuModel("tcg")],
    ],
    ["a CPU model of its own", argumentsOf({ cpuModel: "Haswell-v4" }), ["-cpu", "Haswell-v4"]],
    ["the firmware speaks on the console", argumentsOf(), ["-machine", "q35,graphics=off"]],
    ["nothing that QEMU adds by itself", argumentsOf(), ["-nodefaults", "-no-user-config"]],
    ["no window", argumentsOf(), ["-display", "none"]],
    [
      "QEMU's own sandbox",
      argumentsOf(),
      ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    ],
    [
      "SSH on loopback only",
      argumentsOf(),
      ["-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:4022-:22"],
    ],
    [
      "a way to a guest with an address of its own",
      argumentsOf({}, { guestAddress: "10.0.2.77" }),
      ["-netdev", "user,id=net,dhcpstart=10.0.2.77,hostfwd=tcp:127.0.0.1:4022-:22"],
    ],
    [
      "no way out for an isolated guest, and still a way in",
      argumentsOf({ network: "isolated" }),
      ["-netdev", "user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:4022-:22"],
    ],
    [
      "no option ROM, which would look for a network boot first",
      argumentsOf(),
      ["-device", "virtio-net-pci,netdev=net,mac=52:54:00:76:6d:62,romfile=,addr=0x10"],
    ],
    [
      "the seed as virtio: cloud kernels have no AHCI",
      argumentsOf(),
      ["-device", "virtio-blk-pci,drive=ro0"],
    ],
    [
      "a CD on a bus that cloud kernels know",
      argumentsOf({}, { cds: ["/b/context.iso"] }),
      ["-device", "scsi-cd,bus=scsi.0,drive=cd0,bootindex=2"],
    ],
    [
      "an installer's CD on SATA, behind the disk",
      argumentsOf({}, { cds: ["/b/a.iso", "/b/b.iso"], cdBus: "sata" }),
      ["-device", "ide-cd,bus=ide.1,drive=cd1,bootindex=3"],
    ],
    [
      "an installer's CD on the IDE of an older machine type",
      argumentsOf({ machineType: "pc" }, { cds: ["/b/a.iso", "/b/b.iso"], cdBus: "sata" }),
      ["-device", "ide-cd,bus=ide.0,unit=1,drive=cd1,bootindex=3"],
    ],
    [
      "the disk on virtio-scsi",
      argumentsOf({ diskBus: "scsi" }),
      [
        "-device",
        "virtio-scsi-pci,id=scsi",
        "-device",
        "scsi-hd,bus=scsi.0,drive=disk,bootindex=1",
      ],
    ],
    [
      "CDs beside it on the same controller",
      argumentsOf({ diskBus: "scsi" }, { cds: ["/b/context.iso"] }),
      ["-device", "scsi-cd,bus=scsi.0,drive=cd0,bootindex=2"],
    ],
    [
      "the disk on SATA",
      argumentsOf({ diskBus: "sata" }),
      ["-device", "ide-hd,bus=ide.0,drive=disk,bootindex=1"],
    ],
    [
      "an installer's CD behind it",
      argumentsOf({ diskBus: "sata" }, { cds: ["/b/a.iso"], cdBus: "sata" }),
      ["-device", "ide-cd,bus=ide.1,drive=cd0,bootindex=2"],
    ],
    [
      "the disk on NVMe",
      argumentsOf({ diskBus: "nvme" }),
      ["-device", "nvme,serial=vmbuild,drive=disk,bootindex=1"],
    ],
    [
      "a floppy and its controller",
      argumentsOf({}, { floppy: { folder: "/b/floppy" } }),
      ["-device", "isa-fdc", "-device", "floppy,drive=floppy"],
    ],
    [
      "a kernel with its parameters as one argument",
      argumentsOf({}, { kernel: { kernel: "/k", initrd: "/i", commandLine: "a=b,c d" } }),
      ["-kernel", "/k", "-initrd", "/i", "-append", "a=b,c d"],
    ],
    [
      "files for the firmware's device, by path",
      argumentsOf({}, { firmwareFiles: [{ name: "opt/com.coreos/config", path: "/a,b/c" }] }),
      ["-fw_cfg", "name=opt/com.coreos/config,file=/a,,b/c"],
    ],
    [
      "a string for SMBIOS by path, since the list of processes shows arguments",
      argumentsOf({}, { smbiosString: "/b/credentials" }),
      ["-smbios", "type=11,path=/b/credentials"],
    ],
    ["a screen", argumentsOf({}, { hasScreen: true }), ["-device", "VGA,id=screen"]],
    [
      "an end at a restart",
      argumentsOf({}, { endsAtRestart: true }),
      ["-action", "reboot=shutdown"],
    ],
    ["the disk boots first", argumentsOf(), ["-device", "virtio-blk-pci,drive=disk,bootindex=1"]],
    [
      "a slot to plug uploads into",
      argumentsOf(),
      ["-device", "pcie-root-port,id=payload-slot,chassis=1,slot=1"],
    ],
    [
      "free pages go back to the host",
      argumentsOf(),
      ["-device", "virtio-balloon-pci,id=balloon,free-page-reporting=on"],
    ],
    ["entropy", argumentsOf(), ["-device", "virtio-rng-pci,rng=rng"]],
    [
      "UEFI code, which nobody writes to",
      argumentsOf({}, uefi),
      ["-drive", "if=pflash,format=raw,unit=0,readonly=on,file=/o/CODE.fd"],
    ],
    [
      "UEFI variables of the machine's own",
      argumentsOf({}, uefi),
      ["-drive", "if=pflash,format=raw,unit=1,file=/b/vars.fd"],
    ],
    [
      "commas in a console's path are doubled",
      argumentsOf({}, { console: "/a,b/c" }),
      ["-chardev", "file,id=console,path=/a,,b/c"],
    ],
    [
      "commas in a socket's path are doubled",
      argumentsOf({}, { qmpSocket: "/a,b/q" }),
      ["-chardev", "socket,id=qmp,path=/a,,b/q"],
    ],
    [
      "commas in a firmware's path are doubled",
      argumentsOf({}, { firmware: { code: "/a,b", variables: "/c,d" } }),
      ["-drive", "if=pflash,format=raw,unit=1,file=/c,,d"],
    ],
  ])("has %s", (_, args, words) => {
    expect(has(args, words)).toBe(true);
  });

  it("passes disks as JSON, in which commas need no escaping, and discards what the guest trims", () => {
    const [disk, seed] = argumentsOf({}, { disk: "/a,b/d", readOnlyDisks: ["/a,b/s"] })
      .filter((word) => word.startsWith("{"))
      .map((word) => JSON.parse(word) as unknown);
    expect(disk).toMatchObject({
      driver: "qcow2",
      discard: "unmap",
      "detect-zeroes": "unmap",
      file: { filename: "/a,b/d" },
    });
    expect(seed).toMatchObject({
      "read-only": true,
      file: { filename: "/a,b/s", "read-only": true },
    });
  });

  it("has a drive for CDs only where there is one", () => {
    expect(argumentsOf().join(" ")).not.toContain("scsi");
    const args = argumentsOf({}, { cds: ["/a,b/c.iso", "/d.iso"] });
    expect(args.filter((word) => word.startsWith("virtio-scsi"))).toHaveLength(1);
    expect(args.filter((word) => word.startsWith("scsi-cd"))).toHaveLength(2);
    expect(args.find((word) => word.includes("cd0"))).toContain('"filename":"/a,b/c.iso"');
  });

  it("has a floppy controller of its own on pc", () => {
    const args = argumentsOf({ machineType: "pc" }, { floppy: { folder: "/b/floppy" } });
    expect(args).not.toContain("isa-fdc");
    expect(args).toContain("floppy,drive=floppy");
  });

  it("appends a template's own arguments, and removes nothing", () => {
    const extraArguments = ["-cpu", "qemu64", "-device", "usb-ehci"];
    const args = argumentsOf({ extraArguments });
    expect(args.slice(-4)).toEqual(extraArguments);
    expect(args.slice(0, -4)).toEqual(argumentsOf());
  });

  it("is the same each time", () => {
    expect(argumentsOf()).toEqual(argumentsOf());
  });

  it.each([["pc"], ["pc-i440fx-7.2"]])("needs no root port on %s", (machineType) => {
    expect(argumentsOf({ machineType }).join(" ")).not.toContain("pcie-root-port");
  });

  it("listens nowhere else: no VNC, no monitor over TCP", () => {
    const text = argumentsOf().join(" ");
    expect(text).not.toMatch(/-vnc|-monitor|tcp:(?!127\.0\.0\.1:)|0\.0\.0\.0/);
  });

  it("names no firmware for BIOS", () => {
    expect(argumentsOf().join(" ")).not.toContain("pflash");
  });
});
