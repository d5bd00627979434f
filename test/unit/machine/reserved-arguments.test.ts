import { describe, expect, it } from "vitest";
import { qemuArguments } from "../../../src/machine/argv.js";
import { reservedArguments } from "../../../src/machine/reserved-arguments.js";
import type { MachineShape } from "../../../src/machine/shape.js";
import { errorOf } from "../../support/inputs.js";
import { load, templateText } from "../template/support.js";
import { SMALL_SHAPE } from "../../support/machine.js";

/** Returns the messages for arguments that are written like a command line. */
const problems = (line: string): string[] =>
  reservedArguments(line.split(" ")).map(({ message }) => message);

describe("arguments that collide with vmbuild's own", () => {
  it.each([
    ["-m 2048", "-m: it would override machine.memory; set machine.memory"],
    ["-m size=2G", "machine.memory"],
    ["--m 2G", "--m: it would override machine.memory"],
    ["-smp 2", "machine.cpus"],
    ["-smp cpus=2,sockets=1", "machine.cpus"],
    ["-cpu host,+vmx", "machine.cpu"],
    ["-machine pc", "machine.type"],
    ["-M type=q35,accel=kvm", "machine.accelerator"],
    ["-machine accel=tcg", "machine.accelerator"],
    ["-enable-kvm", "machine.accelerator"],
    ["-accel hvf", "machine.accelerator"],
    ["-bios OVMF.fd", "machine.firmware"],
    ["-drive if=pflash,format=raw,file=OVMF_CODE.fd", 'machine.firmware to "uefi"'],
    ["-drive file=x.qcow2,id=disk,if=none", "id=disk"],
    ["-drive file=other.qcow2,if=virtio,format=qcow2", "describe it in machine.disks"],
    ["-drive file=other.qcow2", "describe it in machine.disks"],
    ["-drive file=a,,readonly=on.qcow2,if=scsi", "describe it in machine.disks"],
    ["-hdb other.qcow2", "describe it in machine.disks"],
    ["-blockdev driver=raw,node-name=vmb-disk-data", "names that begin with vmb-"],
    ["-device virtio-blk-pci,drive=vmb-disk-data", "names that begin with vmb-"],
    ["-netdev user,id=vmb-net1", "names that begin with vmb-"],
    ["-tpmdev emulator,id=vmb-tpm0,chardev=x", "names that begin with vmb-"],
    ["-blockdev driver=raw,node-name=disk", "node-name=disk"],
    ["-netdev user,id=net,hostfwd=tcp::8080-:80", "machine.network"],
    ['-netdev {"type":"user","id":"net"}', "machine.network"],
    ["-device e1000,netdev=net", "netdev=net"],
    ["-device scsi-hd,drive=disk", "drive=disk"],
    ["-device virtio-balloon,id=balloon", "id=balloon"],
    ["-chardev socket,id=qmp,path=x", "id=qmp"],
    ["-object rng-builtin,id=rng", "id=rng"],
    ["-daemonize", "the build could not go on"],
    ["-S", "the build could not go on"],
    ["-snapshot", "discard all changes"],
    ["-no-shutdown", "powers off"],
  ])("refuses %s", (line, message) => {
    expect(problems(line)).toEqual([expect.stringContaining(message)]);
  });

  it.each([
    "-smp sockets=1,cores=4",
    "-machine smm=on,usb=off",
    "-M hpet=off",
    "-kernel vmlinuz -initrd initrd.img -append root=/dev/vda",
    "-drive file=cd.iso,media=cdrom",
    "-drive file=drivers.img,if=virtio,format=raw,readonly=on",
    "-cdrom cd.iso",
    "-drive file=a,,id=disk.qcow2,if=none,id=data -device virtio-blk-pci,drive=data",
    "-netdev user,id=lan -device virtio-net-pci,netdev=lan",
    "-device virtio-gpu-pci -vnc none -serial null -nographic",
    "-chardev socket,id=tpm,path=/run/swtpm -tpmdev emulator,id=tpm0,chardev=tpm",
    "-smbios type=1,serial=ds=nocloud -boot menu=on -usb -rtc base=localtime",
    "-device {broken",
    "-m",
  ])("accepts %s", (line) => {
    expect(problems(line).filter((message) => !message.startsWith("-m:"))).toEqual([]);
  });

  it("is told with its place in the template", async () => {
    const text = templateText({ machine: { arguments: ["-device", "usb-tablet", "-m", "2048"] } });
    const error = await errorOf(load(text));
    expect(error).toMatchObject({ code: "TEMPLATE_INVALID", exitCode: 2 });
    expect(error.lines.join("\n")).toMatch(
      /machine\.arguments\[2\].*-m: it would override machine\.memory; set machine\.memory/,
    );
  });
});

it("knows the ids that are in vmbuild's own arguments", () => {
  const devices: Partial<MachineShape> = {
    tpm: true,
    disks: [{ name: "data", bus: "virtio" }],
    networks: [
      { kind: "user", model: "virtio-net-pci", mac: "52:54:00:00:00:01" },
      { kind: "isolated", model: "e1000", mac: "52:54:00:00:00:02" },
    ],
  };
  const args = qemuArguments(
    { ...SMALL_SHAPE, ...devices },
    {
      ...{ disk: "/d", readOnlyDisks: ["/r"], cds: ["/c"], hasScreen: true },
      ...{ qmpSocket: "/q", console: "/c", sshPort: 1, floppy: { folder: "/f" } },
    },
  );
  const named = ["-device", "-netdev", "-chardev", "-object", "-blockdev", "-tpmdev"];
  for (const [index, option] of args.entries()) {
    const value = args[index + 1] ?? "";
    if (!named.includes(option) || !/\bid=|node-name/.test(value)) continue;
    expect(reservedArguments([option, value])).toHaveLength(1);
  }
});
