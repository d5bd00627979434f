/** Builds QEMU's argument list as a pure function of the machine's shape and files. */
import type { Architecture, Board } from "./architectures/architecture.js";
import { architectureNamed } from "./architectures/registry.js";
import { SCSI_CONTROLLER, diskBus } from "./disk-bus.js";
import type { MachineFiles, MachineShape } from "./shape.js";

/** Id of the slot for disks that are plugged in while the guest runs. */
export const PAYLOAD_SLOT = "payload-slot";

/**
 * MAC address of the guest's network card, the same at every start, so that DHCP leases and
 * interface names do not change.
 */
export const GUEST_MAC = "52:54:00:76:6d:62";

const blockdev = (options: Record<string, unknown>): string[] => [
  "-blockdev",
  JSON.stringify(options),
];

/** Doubles commas inside a value, as QEMU's option syntax requires. */
const escapeCommas = (value: string): string => value.replaceAll(",", ",,");

function accelerator(shape: MachineShape): string[] {
  const accel = shape.accelerator === "kvm" ? ["-enable-kvm"] : ["-accel", "tcg,thread=multi"];
  return [...accel, "-cpu", shape.cpuModel];
}

/** A kernel of {@link handed} replaces firmware that QEMU starts like one. */
function firmware({ uefi }: Architecture, files: MachineFiles): string[] {
  return files.firmware ? uefi.arguments(files.firmware) : [];
}

const readOnlyNode = (name: string, filename: string): string[] =>
  blockdev({
    driver: "raw",
    "node-name": name,
    "read-only": true,
    file: { driver: "file", filename, "read-only": true },
  });

function disks(shape: MachineShape, files: MachineFiles): string[] {
  // Flushes are ignored: the disk of a build need not survive a crash of the host, and package
  // managers sync so often that flushing would cost minutes. The image is synced when it is
  // converted.
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
  return [...main, ...diskBus(shape.diskBus).arguments("drive=disk,bootindex=1"), ...readOnly];
}

/**
 * Returns the arguments for CD drives. On virtio-scsi unless the files say otherwise: cloud kernels
 * have a driver for it, but none for AHCI. Also where the machine type has no SATA.
 */
function cds(
  shape: MachineShape,
  board: Board,
  { cds: filenames = [], cdBus }: MachineFiles,
): string[] {
  if (filenames.length === 0) return [];
  const ideDrive = cdBus === "sata" ? board.ideDrive : undefined;
  const first = shape.diskBus === "sata" ? 1 : 0;
  const device = (place: number): string =>
    ideDrive ? `ide-cd,${ideDrive(first + place)}` : "scsi-cd,bus=scsi.0";
  // After the disk, so that an empty disk leads to the CD and an installed system does not.
  const drives = filenames.flatMap((filename, index) => [
    ...readOnlyNode(`cd${index}`, filename),
    ...["-device", `${device(index)},drive=cd${index},bootindex=${index + 2}`],
  ]);
  const hasController = ideDrive !== undefined || shape.diskBus === "scsi";
  const controller = hasController ? [] : SCSI_CONTROLLER;
  return [...controller, ...drives];
}

function floppy({ floppyController }: Board, { floppy: content }: MachineFiles): string[] {
  if (content === undefined || floppyController === undefined) return [];
  const { folder: dir, label } = content;
  const options = { driver: "vvfat", "node-name": "floppy", "read-only": true, floppy: true, dir };
  return [
    ...blockdev(label === undefined ? options : { ...options, label }),
    ...floppyController,
    ...["-device", "floppy,drive=floppy"],
  ];
}

/** Returns the arguments for what QEMU hands to the firmware and the guest besides disks. */
function handed(given: MachineFiles): string[] {
  const { kernel, firmwareFiles = [], smbiosString, smbiosValues = [] } = given;
  const boot = kernel && [
    ...["-kernel", kernel.kernel],
    ...(kernel.initrd === undefined ? [] : ["-initrd", kernel.initrd]),
    ...["-append", kernel.commandLine],
  ];
  const files = firmwareFiles.flatMap(({ name, path }) => [
    "-fw_cfg",
    `name=${escapeCommas(name)},file=${escapeCommas(path)}`,
  ]);
  const strings = [
    ...(smbiosString === undefined ? [] : [`path=${escapeCommas(smbiosString)}`]),
    ...smbiosValues.map((value) => `value=${escapeCommas(value)}`),
  ];
  const smbios = strings.flatMap((text) => ["-smbios", `type=11,${text}`]);
  return [...(boot ?? []), ...files, ...smbios];
}

function screen(board: Board, { hasScreen, endsAtRestart }: MachineFiles): string[] {
  return [
    // VNC without an address listens nowhere; it can be opened while the machine runs.
    ...(hasScreen ? board.screen : []),
    ...(endsAtRestart ? ["-action", "reboot=shutdown"] : []),
  ];
}

/**
 * PCI slot of the network card, the same in every machine. Installed systems know their interface by
 * a name with its slot (enp0s16: systemd.net-naming-scheme(7)), and the installer's machine has
 * other devices than those that start the system later.
 */
const NETWORK_SLOT = "0x10";

function network(shape: MachineShape, files: MachineFiles): string[] {
  const forwards = (files.forwards ?? [])
    .map(({ host, guest }) => `,hostfwd=tcp:127.0.0.1:${host}-:${guest}`)
    .join("");
  const restrict = shape.network === "isolated" ? "restrict=on," : "";
  // slirp forwards ports to the first address that its DHCP server hands out.
  const start = files.guestAddress === undefined ? "" : `dhcpstart=${files.guestAddress},`;
  return [
    "-netdev",
    `user,id=net,${restrict}${start}hostfwd=tcp:127.0.0.1:${files.sshPort}-:${files.guestSshPort ?? 22}${forwards}`,
    // No option ROM: iPXE would only delay the boot from disk.
    ...["-device", `virtio-net-pci,netdev=net,mac=${GUEST_MAC},romfile=,addr=${NETWORK_SLOT}`],
  ];
}

/**
 * Returns the arguments for a PCI Express root port, into which devices can be plugged at run time,
 * where the machine type needs one.
 */
function payloadSlot({ needsRootPort }: Board): string[] {
  if (!needsRootPort) return [];
  return ["-device", `pcie-root-port,id=${PAYLOAD_SLOT},chassis=1,slot=1`];
}

/** Restrictions of QEMU's seccomp filter. All of them exist since QEMU 2.11 (qemu-options.hx). */
const SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/** Returns the whole argument list, without the program's name. */
export function qemuArguments(shape: MachineShape, files: MachineFiles): string[] {
  const architecture = architectureNamed(shape.arch);
  const board = architecture.boardOf(shape.machineType);
  return [
    ...["-name", `guest=${escapeCommas(shape.name)},debug-threads=on`],
    ...["-nodefaults", "-no-user-config"],
    ...["-sandbox", SANDBOX],
    // Without graphics, firmware writes to the serial console, so a disk that does not boot is
    // reported there.
    ...["-machine", [shape.machineType, "graphics=off", ...board.options].join(",")],
    ...accelerator(shape),
    ...["-smp", String(shape.cpus)],
    ...["-m", `${Math.ceil(shape.memory / 2 ** 20)}M`],
    ...["-display", "none"],
    ...["-rtc", "base=utc"],
    ...["-chardev", `socket,id=qmp,path=${escapeCommas(files.qmpSocket)}`],
    ...["-mon", "chardev=qmp,mode=control"],
    ...["-chardev", `file,id=console,path=${escapeCommas(files.console)}`],
    ...["-serial", "chardev:console"],
    ...firmware(architecture, files),
    ...disks(shape, files),
    ...cds(shape, board, files),
    ...floppy(board, files),
    ...handed(files),
    ...screen(board, files),
    ...network(shape, files),
    ...payloadSlot(board),
    ...["-object", "rng-random,id=rng,filename=/dev/urandom"],
    ...["-device", "virtio-rng-pci,rng=rng"],
    ...["-device", "virtio-balloon-pci,id=balloon,free-page-reporting=on"],
    ...shape.extraArguments,
  ];
}
