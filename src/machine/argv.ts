/** Builds QEMU's argument list as a pure function of the machine's shape and files. */
import type { Architecture, Board } from "./architectures/architecture.js";
import { architectureNamed } from "./architectures/registry.js";
import { SCSI_CONTROLLER } from "./disk-bus.js";
import { displayArguments } from "./display.js";
import { writableDisks } from "./extra-disks.js";
import type { WritableDisks } from "./extra-disks.js";
import { networkArguments, usesBridge } from "./networks.js";
import { tpmArguments } from "./tpm-arguments.js";
import type { MachineFiles, MachineShape } from "./shape.js";

/** Id of the slot for disks that are plugged in while the guest runs. */
export const PAYLOAD_SLOT = "payload-slot";

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

/** Returns the value of `-machine`. */
function machineOf(board: Board, { machineType, secureBoot }: MachineShape): string {
  const forSecureBoot = secureBoot ? (board.secureBoot?.options ?? []) : [];
  return [machineType, "graphics=off", ...board.options, ...forSecureBoot].join(",");
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

/** Returns the arguments for all disks and CD drives. */
function drives(board: Board, shape: MachineShape, files: MachineFiles): string[] {
  const writable = writableDisks(shape, files, board.drivePorts);
  const readOnly = files.readOnlyDisks.flatMap((filename, index) => [
    ...readOnlyNode(`ro${index}`, filename),
    ...["-device", `virtio-blk-pci,drive=ro${index}`],
  ]);
  return [...writable.arguments, ...readOnly, ...cds(board, files, writable)];
}

/**
 * Returns the arguments for CD drives. On virtio-scsi unless the files say otherwise: cloud kernels
 * have a driver for it, but none for AHCI. Also where the machine type has no SATA.
 */
function cds(
  { drivePorts }: Board,
  { cds: filenames = [], cdBus }: MachineFiles,
  { ports, hasScsi }: WritableDisks,
): string[] {
  if (filenames.length === 0) return [];
  const sata = cdBus === "sata" ? drivePorts : undefined;
  const device = (place: number): string =>
    sata ? `ide-cd,${sata.propertiesOf(ports + place)}` : "scsi-cd,bus=scsi.0";
  // After the disk, so that an empty disk leads to the CD and an installed system does not.
  const all = filenames.flatMap((filename, index) => [
    ...readOnlyNode(`cd${index}`, filename),
    ...["-device", `${device(index)},drive=cd${index},bootindex=${index + 2}`],
  ]);
  return [...(sata !== undefined || hasScsi ? [] : SCSI_CONTROLLER), ...all];
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
    // QEMU starts a setuid program to connect to a bridge, which the filter prevents.
    ...(usesBridge(shape) ? [] : ["-sandbox", SANDBOX]),
    // Without graphics, firmware writes to the serial console, so a disk that does not boot is
    // reported there.
    ...["-machine", machineOf(board, shape)],
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
    ...(shape.secureBoot ? (board.secureBoot?.arguments ?? []) : []),
    ...drives(board, shape, files),
    ...floppy(board, files),
    ...handed(files),
    ...displayArguments(board, shape, files),
    ...(files.endsAtRestart ? ["-action", "reboot=shutdown"] : []),
    ...networkArguments(shape, files),
    ...tpmArguments(board, shape, files),
    ...payloadSlot(board),
    ...["-object", "rng-random,id=rng,filename=/dev/urandom"],
    ...["-device", "virtio-rng-pci,rng=rng"],
    ...["-device", "virtio-balloon-pci,id=balloon,free-page-reporting=on"],
    ...shape.extraArguments,
  ];
}
