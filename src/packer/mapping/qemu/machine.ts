/** Converts the options of the qemu builder that describe the machine. */
import { basename } from "node:path";
import type { BlockReader } from "../block.js";
import { resultPath } from "../context.js";
import type { ImageContext } from "../context.js";
import { FEATURES, UNSUPPORTED } from "../features.js";
import type { ArgumentFacts } from "./argument-facts.js";
import { IGNORED_ARGUMENTS, isSecureFile, isUefiFile } from "./arguments.js";
import { isVirtioNet } from "./machine-rules.js";

/** Packer's defaults. The memory is in megabytes. */
const DEFAULTS = { memory: 512, disk: "40G", machineType: "pc", cpus: 1 } as const;

/** Bus of the disk by Packer's name. */
const BUSES: Readonly<Record<string, string>> = {
  virtio: "virtio",
  "virtio-scsi": "scsi",
  ide: "sata",
  sata: "sata",
};

/** Returns the number of CPUs as Packer computes it. */
function cpuCount(reader: BlockReader): number {
  const [cpus = 0, sockets = 0, cores = 0, threads = 0] = [
    ...["cpus", "sockets", "cores", "threads"],
  ].map((name) => reader.number(name) ?? 0);
  const topology = [sockets, cores, threads].filter((count) => count > 0);
  const product = topology.reduce((total, count) => total * count, 1);
  if (topology.length === 0) return cpus || DEFAULTS.cpus;
  return cpus === 0 ? product : Math.min(cpus, product);
}

function setCpus(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const count = facts.cpus ?? cpuCount(reader);
  const kept = reader.json("cpus");
  const keeps =
    facts.cpus === undefined &&
    typeof reader.value("cpus") === "number" &&
    count === reader.number("cpus");
  const origin = reader.origin(facts.cpus === undefined ? "cpus" : "qemuargs");
  draft.set(["machine", "cpus"], keeps && typeof kept === "string" ? kept : count, origin);
  const own = ["sockets", "cores", "threads"].flatMap((name) => {
    const value = reader.number(name) ?? 0;
    return value > 0 ? [`${name}=${value}`] : [];
  });
  const topology = facts.topology ?? (own.length > 0 ? own.join(",") : undefined);
  if (topology !== undefined) facts.passedOn.unshift("-smp", topology);
}

function setMemory(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const megabytes = reader.number("memory") ?? 0;
  const kept = reader.jsonText("memory");
  const own = megabytes < 10 ? `${DEFAULTS.memory}M` : `${kept ?? megabytes}M`;
  const origin = reader.origin(facts.memory === undefined ? "memory" : "qemuargs");
  draft.set(["machine", "memory"], facts.memory ?? own, origin);
}

/** Returns a size of Packer, in megabytes unless it has a unit, as a template has it. */
function diskText(value: string, kept: string = value): string {
  if (/^\d+$/.test(value)) return `${kept}M`;
  return /b$/i.test(value)
    ? value.replace(/b$/i, "")
    : kept.toUpperCase() === value.toUpperCase()
      ? value.toUpperCase()
      : kept;
}

function setDisk(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const value = reader.text("disk_size");
  const isSet = value !== undefined && value !== "" && value !== "0";
  const size = isSet ? diskText(value, reader.jsonText("disk_size")) : DEFAULTS.disk;
  draft.set(["machine", "disk"], size, reader.origin("disk_size"));
  const bus = facts.diskBus ?? BUSES[reader.text("disk_interface") ?? ""];
  if (bus !== undefined && bus !== "virtio") {
    const option = facts.diskBus === undefined ? "disk_interface" : "qemuargs";
    draft.set(["machine", "diskBus"], bus, reader.origin(option));
  }
}

function setAccelerator(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const named = facts.accelerator ?? reader.text("accelerator");
  const known: Readonly<Record<string, string>> = { kvm: "kvm", tcg: "tcg", none: "tcg" };
  const kept = reader.jsonText("accelerator");
  const value = known[named ?? ""] ?? "auto";
  const keeps = facts.accelerator === undefined && named === value && kept !== undefined;
  draft.set(["machine", "accelerator"], keeps ? kept : value, reader.origin("accelerator"));
}

/** Architecture by the end of QEMU's name. */
const X86 = /^(?:x86_64|amd64)$/;

function setProgram(reader: BlockReader, { draft }: ImageContext): void {
  const binary = reader.text("qemu_binary");
  if (binary === undefined || binary === "qemu-system-x86_64") return;
  const architecture = /qemu-system-([a-z0-9_]+)$/.exec(binary)?.[1];
  if (architecture !== undefined && !X86.test(architecture)) {
    if (!FEATURES.arch) return reader.say("qemu_binary", "refused", UNSUPPORTED.arch);
    draft.set(["machine", "arch"], architecture, reader.origin("qemu_binary"));
    if (basename(binary) === binary) return;
  }
  const kept = reader.jsonText("qemu_binary") ?? binary;
  draft.set(["machine", "binary"], kept, reader.origin("qemu_binary"));
}

function setModels(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const type = facts.machineType ?? reader.jsonText("machine_type") ?? DEFAULTS.machineType;
  draft.set(["machine", "type"], type || DEFAULTS.machineType, reader.origin("machine_type"));
  const cpu = facts.cpu ?? reader.jsonText("cpu_model");
  if (cpu !== undefined && cpu !== "")
    draft.set(["machine", "cpu"], cpu, reader.origin("cpu_model"));
}

/** Sets the firmware. Its files are the host's own, unless the template's are supported. */
function setFirmware(reader: BlockReader, facts: ArgumentFacts, context: ImageContext): void {
  const { draft } = context;
  const named = [
    facts.firmwareCode,
    reader.text("efi_firmware_code"),
    reader.text("firmware"),
  ].find((path) => path !== undefined && path !== "");
  const single = reader.text("firmware") ?? "";
  if (single !== "" && !isUefiFile(single)) {
    const text = "vmbuild uses the host's own firmware; leave it out, or use efi_boot";
    if (!/bios/i.test(single)) reader.say("firmware", "refused", text);
    return;
  }
  const variables = facts.firmwareVariables ?? reader.text("efi_firmware_vars");
  const isUefi = facts.isUefi || reader.flag("efi_boot") || (named ?? variables ?? "") !== "";
  if (!isUefi) return;
  const option = facts.isUefi ? "qemuargs" : reader.has("firmware") ? "firmware" : "efi_boot";
  const isSecure =
    facts.isSecureBoot || [named, variables].some((path) => isSecureFile(path ?? ""));
  const isOwn = named !== undefined && !isSystemPath(named);
  if (FEATURES.firmwareFiles && isOwn) {
    const files = {
      code: resultPath(context, named),
      ...(variables && { variables: resultPath(context, variables) }),
    };
    draft.set(["machine", "firmware"], files, reader.origin(option));
  } else draft.set(["machine", "firmware"], "uefi", reader.origin(option));
  if (isSecure && FEATURES.secureBoot)
    draft.set(["machine", "secureBoot"], true, reader.origin(option));
  if (isSecure && !FEATURES.secureBoot)
    reader.say(option, "mapped", "machine.firmware, without secure boot");
}

/** Returns whether a file belongs to the host's packages, which vmbuild finds by itself. */
const isSystemPath = (path: string): boolean => /^\/(?:usr|opt|nix|run)\//.test(path);

function setDevices(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const sizes = reader.texts("disk_additional_size");
  if (sizes.length > 0) {
    const disks = sizes.map((size) => ({ size: diskText(size) }));
    draft.set(["machine", "disks"], disks, reader.origin("disk_additional_size"));
  }
  if (reader.flag("vtpm") || facts.hasTpm) {
    const option = reader.flag("vtpm") ? "vtpm" : "qemuargs";
    if (FEATURES.tpm) draft.set(["machine", "tpm"], true, reader.origin(option));
    else reader.say(option, "refused", UNSUPPORTED.tpm);
  }
  const model = facts.networkModel ?? reader.text("net_device") ?? "";
  const bridge = reader.text("net_bridge") ?? "";
  if (bridge === "" && (model === "" || isVirtioNet(model))) return;
  const option =
    bridge === "" ? (facts.networkModel === undefined ? "net_device" : "qemuargs") : "net_bridge";
  if (!FEATURES.networks) return reader.say(option, "refused", UNSUPPORTED.networks);
  const network = { ...(model !== "" && { model }), ...(bridge !== "" && { bridge }) };
  draft.set(["machine", "networks"], [network], reader.origin(option));
}

/** Sets `machine`. */
export function convertMachine(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext,
): void {
  setCpus(reader, facts, context);
  setMemory(reader, facts, context);
  setDisk(reader, facts, context);
  setAccelerator(reader, facts, context);
  setModels(reader, facts, context);
  setProgram(reader, context);
  setFirmware(reader, facts, context);
  setDevices(reader, facts, context);
  reportArguments(reader, facts, context);
}

function reportArguments(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  if (!reader.has("qemuargs")) {
    if (facts.passedOn.length > 0) {
      draft.set(["machine", "arguments"], [...facts.passedOn], reader.origin("cores"));
    }
    return;
  }
  if (facts.passedOn.length > 0) {
    draft.set(["machine", "arguments"], [...facts.passedOn], reader.origin("qemuargs"));
  }
  const [first] = facts.refused;
  if (first) reader.say("qemuargs", "refused", `${first.argument}: ${first.text}`);
  else reader.say("qemuargs", "mapped", `the fields that the arguments mean; ${IGNORED_ARGUMENTS}`);
}
