/** QEMU's argument list, as a pure function of the machine's shape and files. */
import type { MachineFiles, MachineShape } from "./shape.js";

/** The id of the slot into which disks are plugged while the guest runs. */
export const PAYLOAD_SLOT = "payload-slot";

/** The address of the guest's network card; the same in each start, so that leases and names stay. */
export const GUEST_MAC = "52:54:00:76:6d:62";

const blockdev = (options: Record<string, unknown>): string[] => [
  "-blockdev",
  JSON.stringify(options),
];

/** QEMU's option syntax doubles a comma inside a value. */
const escapeCommas = (value: string): string => value.replaceAll(",", ",,");

function accelerator(shape: MachineShape): string[] {
  const accel = shape.accelerator === "kvm" ? ["-enable-kvm"] : ["-accel", "tcg,thread=multi"];
  return [...accel, "-cpu", shape.cpuModel];
}

function firmware(files: MachineFiles): string[] {
  if (!files.firmware) return [];
  const { code, variables } = files.firmware;
  return [
    ...["-drive", `if=pflash,format=raw,unit=0,readonly=on,file=${escapeCommas(code)}`],
    ...["-drive", `if=pflash,format=raw,unit=1,file=${escapeCommas(variables)}`],
  ];
}

const readOnlyNode = (name: string, filename: string): string[] =>
  blockdev({
    driver: "raw",
    "node-name": name,
    "read-only": true,
    file: { driver: "file", filename, "read-only": true },
  });

function disks(files: MachineFiles): string[] {
  // No flush: a build's disk need not survive the host's crash in mid-build, and package
  // managers sync so often that it would cost minutes. It is synced when it is converted.
  const main = blockdev({
    driver: "qcow2",
    "node-name": "disk",
    discard: "unmap",
    "detect-zeroes": "unmap",
    cache: { "no-flush": true },
    file: { driver: "file", filename: files.disk, discard: "unmap", cache: { "no-flush": true } },
  });
  const readOnly = files.readOnlyDisks.flatMap((filename, index) => [
    ...readOnlyNode(`ro${index}`, filename),
    ...["-device", `virtio-blk-pci,drive=ro${index}`],
  ]);
  return [...main, "-device", "virtio-blk-pci,drive=disk,bootindex=1", ...readOnly];
}

/** CDs on virtio's SCSI: cloud kernels have a driver for that, and none for AHCI. */
function cds({ cds: filenames = [] }: MachineFiles): string[] {
  if (filenames.length === 0) return [];
  const drives = filenames.flatMap((filename, index) => [
    ...readOnlyNode(`cd${index}`, filename),
    ...["-device", `scsi-cd,bus=scsi.0,drive=cd${index}`],
  ]);
  return ["-device", "virtio-scsi-pci,id=scsi", ...drives];
}

function network(shape: MachineShape, files: MachineFiles): string[] {
  const forwards = (files.forwards ?? [])
    .map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`)
    .join("");
  const restrict = shape.network === "isolated" ? "restrict=on," : "";
  // slirp forwards to the first address that it would give by DHCP.
  const start = files.guestAddress === undefined ? "" : `dhcpstart=${files.guestAddress},`;
  return [
    "-netdev",
    `user,id=net,${restrict}${start}hostfwd=tcp:127.0.0.1:${files.sshPort}-:22${forwards}`,
    // No option ROM: iPXE would only cost time before the disk boots.
    ...["-device", `virtio-net-pci,netdev=net,mac=${GUEST_MAC},romfile=`],
  ];
}

/** Devices behind a PCI Express root port can be plugged in at run time; `pc` needs no port. */
function payloadSlot(shape: MachineShape): string[] {
  if (!shape.machineType.includes("q35")) return [];
  return ["-device", `pcie-root-port,id=${PAYLOAD_SLOT},chassis=1,slot=1`];
}

/** Restrictions of QEMU's seccomp filter; all of them exist since QEMU 2.11 (qemu-options.hx). */
const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/** Returns the whole argument list, without the program itself. */
export function qemuArguments(shape: MachineShape, files: MachineFiles): string[] {
  return [
    ...["-name", `guest=${escapeCommas(shape.name)},debug-threads=on`],
    ...["-nodefaults", "-no-user-config"],
    ...["-sandbox", SANDBOX],
    // Without graphics the firmware speaks on the serial console, so that a disk that does not
    // boot says so there.
    ...["-machine", `${shape.machineType},graphics=off`],
    ...accelerator(shape),
    ...["-smp", String(shape.cpus)],
    ...["-m", `${Math.ceil(shape.memory / 2 ** 20)}M`],
    ...["-display", "none"],
    ...["-rtc", "base=utc"],
    ...["-chardev", `socket,id=qmp,path=${escapeCommas(files.qmpSocket)}`],
    ...["-mon", "chardev=qmp,mode=control"],
    ...["-chardev", `file,id=console,path=${escapeCommas(files.console)}`],
    ...["-serial", "chardev:console"],
    ...firmware(files),
    ...disks(files),
    ...cds(files),
    ...network(shape, files),
    ...payloadSlot(shape),
    ...["-object", "rng-random,id=rng,filename=/dev/urandom"],
    ...["-device", "virtio-rng-pci,rng=rng"],
    ...["-device", "virtio-balloon-pci,id=balloon,free-page-reporting=on"],
    ...shape.extraArguments,
  ];
}
