/** Reads `qemuargs`: arguments become the facts that they state, and only the rest is passed on. */
import { reservedArguments } from "../../../machine/reserved-arguments.js";
import { isUefiFile } from "../firmware.js";
import { textOf } from "../plain.js";
import type { Plain } from "../plain.js";
import { ArgumentFacts, joinProperties, propertiesOf } from "./argument-facts.js";
import { isVirtioNet } from "./machine-rules.js";

/** Reads the value of an argument. */
type Read = (value: string, facts: ArgumentFacts, argument: string) => void;

const ignore: Read = () => {};

const passOn: Read = (value, facts, argument) => {
  const words = value === "" ? [argument] : [argument, value];
  const [problem] = reservedArguments(words);
  if (problem) facts.refused.push({ argument, text: problem.message });
  else facts.passedOn.push(...words);
};

/** Converts a size of `-m`, in megabytes unless it has a unit. */
function memoryText(value: string): string | undefined {
  const properties = propertiesOf(value);
  const text = properties.get("") ?? properties.get("size");
  const match = /^(\d+(?:\.\d+)?)([kKmMgGtT]?)[bB]?$/.exec(text ?? "");
  return match ? `${match[1]}${(match[2] || "M").toUpperCase()}` : undefined;
}

const readMemory: Read = (value, facts, argument) => {
  const text = memoryText(value);
  if (text === undefined)
    facts.refused.push({ argument, text: `${value} is not a size; use memory` });
  else facts.memory = text;
};

const readCpus: Read = (value, facts) => {
  const properties = propertiesOf(value);
  const given = Number(properties.get("") ?? properties.get("cpus"));
  const parts = ["sockets", "dies", "cores", "threads"].flatMap((key) => {
    const text = properties.get(key);
    return text === undefined ? [] : [[key, text] as const];
  });
  const product = parts.reduce((total, [, text]) => total * Number(text), 1);
  const count = Number.isInteger(given) && given > 0 ? given : product;
  if (Number.isInteger(count)) facts.cpus = count;
  if (parts.length > 0) facts.topology = joinProperties(parts);
};

const readMachine: Read = (value, facts, argument) => {
  const properties = propertiesOf(value);
  const type = properties.get("type") ?? properties.get("");
  if (type !== undefined) facts.machineType = type;
  const accelerators = properties.get("accel")?.split(":");
  if (accelerators)
    facts.accelerator = accelerators.includes("kvm") ? chooseKvm(accelerators) : accelerators[0];
  const rest = [...properties].filter(([key]) => !["type", "", "accel"].includes(key));
  if (rest.length > 0)
    passOn(joinProperties(rest), facts, argument === "-M" ? "-machine" : argument);
};

/** Returns `auto` where KVM is one of several. */
const chooseKvm = (names: readonly string[]): string => (names.length > 1 ? "auto" : "kvm");

const readAccelerator: Read = (value, facts) => {
  facts.accelerator = propertiesOf(value).get("") ?? propertiesOf(value).get("accel");
};

const readBios: Read = (value, facts, argument) => {
  if (isUefiFile(value)) {
    facts.isUefi = true;
    facts.firmwareCode = value;
  } else if (!/bios|opensbi|\/fw_(?:jump|dynamic)/i.test(value)) {
    facts.refused.push({ argument, text: "vmbuild uses the host's own firmware; leave it out" });
  }
};

const readDrive: Read = (value, facts, argument) => {
  const properties = propertiesOf(value);
  const file = properties.get("file") ?? properties.get("");
  const kind = properties.get("if");
  if (kind === "pflash") return readFlash(file ?? "", facts, properties);
  if (file === undefined) return passOn(value, facts, argument);
  if (kind === "floppy") {
    facts.refused.push({ argument, text: "use floppy_files for a floppy disk" });
    return;
  }
  const isCd = properties.get("media") === "cdrom" || /\.iso$/i.test(file);
  if (isCd) facts.cds.push(file);
  else facts.disks.push({ file, properties });
};

function readFlash(file: string, facts: ArgumentFacts, properties: Map<string, string>): void {
  facts.isUefi = true;
  const isVariables =
    properties.get("unit") === "1" || (/vars/i.test(file) && !properties.has("readonly"));
  if (isVariables) facts.firmwareVariables = file;
  else facts.firmwareCode = file;
}

const readCdrom: Read = (value, facts) => {
  facts.cds.push(value);
};

const readHardDisk: Read = (value, facts) => {
  facts.disks.push({ file: value, properties: new Map() });
};

const readNetdev: Read = (value, facts, argument) => {
  const properties = propertiesOf(value);
  if (properties.get("") === "user") {
    const own = [...(properties.get("hostfwd") ?? "").matchAll(/:(\d+)$/g)];
    if (properties.size <= 3 || own.length <= 1) return;
  }
  passOn(value, facts, argument);
};

/** Bus of a disk by the device that shows it to the guest. */
const DISK_DEVICES: readonly (readonly [RegExp, string])[] = [
  [/^virtio-blk/, "virtio"],
  [/^scsi-hd|^virtio-scsi/, "scsi"],
  [/^ide-hd|^ahci|^ich9-ahci/, "sata"],
  [/^nvme/, "nvme"],
];

/** Devices that vmbuild has itself, or that only serve a person at the screen. */
const NEEDLESS_DEVICE =
  /^(?:virtio-rng|virtio-balloon|virtio-serial|virtserialport|usb-|qemu-xhci|nec-usb-xhci|ich9-usb|piix3-usb|virtio-gpu|virtio-vga|virtio-tablet|virtio-keyboard|VGA|qxl|cirrus|ramfb|secondary-vga|ide-cd|scsi-cd|isa-debugcon|virtio-keyboard|virtio-mouse)/;

const readDevice: Read = (value, facts, argument) => {
  const [name = ""] = value.split(",");
  const properties = propertiesOf(value);
  if (properties.has("netdev") || isVirtioNet(name) || /^(?:e1000|rtl8139|vmxnet3)/.test(name)) {
    if (!isVirtioNet(name)) facts.networkModel = name;
    return;
  }
  const bus = DISK_DEVICES.find(([pattern]) => pattern.test(name))?.[1];
  if (bus !== undefined) facts.diskBus = bus;
  else if (name.startsWith("tpm-")) facts.hasTpm = true;
  else if (!NEEDLESS_DEVICE.test(name)) passOn(value, facts, argument);
};

const readObject: Read = (value, facts, argument) => {
  if (!value.startsWith("rng-")) passOn(value, facts, argument);
};

const readSmbios: Read = (value, facts, argument) => {
  const match = /\bds=nocloud(?:-net)?;(?:.*?\b)?(?:s|seedfrom)=([^;,]+)/.exec(value);
  if (match?.[1] !== undefined) facts.seedAddress = match[1];
  else passOn(value, facts, argument);
};

const readFirmwareFile: Read = (value, facts, argument) => {
  const properties = propertiesOf(value);
  const name = properties.get("name") ?? properties.get("") ?? "";
  const file = properties.get("file");
  if (/^opt\/(?:com\.coreos|org\.flatcar-linux)\/config$/.test(name) && file !== undefined) {
    facts.ignition = file;
  } else passOn(value, facts, argument);
};

/** Machines of riscv64 start U-Boot like a kernel. */
const readKernel: Read = (value, facts) => {
  if (/u-?boot/i.test(value)) facts.isUefi = true;
  else facts.kernel = value;
};

const readTpm: Read = (_value, facts) => {
  facts.hasTpm = true;
};

const readChardev: Read = (value, facts, argument) => {
  const properties = propertiesOf(value);
  const isTpm = /tpm/i.test(value);
  const isConsole = ["file", "stdio", "null", "pty"].includes(properties.get("") ?? "");
  if (!isTpm && !isConsole) passOn(value, facts, argument);
};

/** Arguments by their names without dashes. Those that are missing are passed on. */
const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ["m", readMemory],
  ["smp", readCpus],
  ["cpu", (value, facts) => void (facts.cpu = value)],
  ["machine", readMachine],
  ["M", readMachine],
  ["accel", readAccelerator],
  ["enable-kvm", (_value, facts) => void (facts.accelerator = "kvm")],
  ["bios", readBios],
  ["pflash", (value, facts) => readFlash(value, facts, new Map())],
  ["drive", readDrive],
  ["cdrom", readCdrom],
  ["hda", readHardDisk],
  ["hdb", readHardDisk],
  ["hdc", readCdrom],
  ["netdev", readNetdev],
  ["net", ignore],
  ["nic", readNetdev],
  ["device", readDevice],
  ["object", readObject],
  ["smbios", readSmbios],
  ["fw_cfg", readFirmwareFile],
  ["chardev", readChardev],
  ["tpmdev", readTpm],
  ["kernel", readKernel],
  ["initrd", (value, facts) => void (facts.initrd = value)],
  ["append", (value, facts) => void (facts.commandLine = value)],
  ...[
    ...["nographic", "display", "vga", "vnc", "spice", "monitor", "serial", "parallel", "boot"],
    ...["k", "usb", "usbdevice", "name", "qmp", "mon", "daemonize", "no-reboot", "full-screen"],
    ...["curses", "sdl", "no-hpet", "pidfile", "debugcon", "nodefaults", "no-user-config"],
  ].map((name): [string, Read] => [name, ignore]),
]);

/** Returns the reason for which arguments without an effect here are left out. */
export const IGNORED_ARGUMENTS =
  "display, console and boot order are vmbuild's own; `vmbuild logs NAME --console` shows the console";

/**
 * Reads the arguments.
 * @param value list of lists: an argument and its value, whose parts Packer joins.
 */
export function readArguments(value: Plain): ArgumentFacts {
  const facts = new ArgumentFacts();
  for (const item of Array.isArray(value) ? value : []) {
    const words = (Array.isArray(item) ? item : [item]).map((word) => textOf(word) ?? "");
    const [argument = "", ...rest] = words;
    const name = argument.replace(/^--?/, "");
    (READERS.get(name) ?? passOn)(rest.join(""), facts, argument);
  }
  return facts;
}
