/** Converts the options of the qemu builder that describe the machine. */
import {
  DEFAULT_ARCHITECTURE,
  architectureNamed,
} from "../../../machine/architectures/registry.js";
import { OTHER_ARCHITECTURE, architectureOf } from "../architecture.js";
import type { BlockReader } from "../block.js";
import type { ImageContext } from "../context.js";
import type { ArgumentFacts } from "./argument-facts.js";
import { IGNORED_ARGUMENTS } from "./arguments.js";
import { addSizedDisks, setFirmware, setNetworks, setTpm } from "./devices.js";
import { diskText } from "./disk-size.js";
import { OTHER_HOSTS_ACCELERATORS } from "./machine-rules.js";

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

function setDisk(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const value = reader.text("disk_size");
  const isSet = value !== undefined && value !== "" && value !== "0";
  const size = isSet ? diskText(value, reader.jsonText("disk_size")) : DEFAULTS.disk;
  const asksToKeep = reader.flag("skip_resize_disk");
  const keepsSize = asksToKeep && reader.flag("disk_image");
  if (keepsSize) draft.set(["machine", "skipResize"], true, reader.origin("skip_resize_disk"));
  else if (asksToKeep) {
    reader.say("skip_resize_disk", "nothing", "an installer's disk is created with its size");
  }
  if (isSet || !keepsSize) draft.set(["machine", "disk"], size, reader.origin("disk_size"));
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
  const option = reader.text("accelerator") ?? "";
  if (!OTHER_HOSTS_ACCELERATORS.includes(option)) return;
  const text = `machine.accelerator: auto, because Linux does not have ${option}`;
  reader.say("accelerator", "mapped", text);
}

function setProgram(reader: BlockReader, { draft }: ImageContext): void {
  const binary = reader.text("qemu_binary");
  if (binary === undefined || binary === "") return;
  const arch = architectureOf(binary);
  if (arch === undefined) return reader.say("qemu_binary", "refused", OTHER_ARCHITECTURE);
  const origin = reader.origin("qemu_binary");
  if (arch !== DEFAULT_ARCHITECTURE.name) draft.set(["machine", "arch"], arch, origin);
  if (binary === architectureNamed(arch).binary) return;
  draft.set(["machine", "binary"], reader.jsonText("qemu_binary") ?? binary, origin);
}

function setModels(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  // Packer's default exists for PCs only.
  const isPc = architectureOf(reader.text("qemu_binary")) === DEFAULT_ARCHITECTURE.name;
  const named = facts.machineType ?? reader.jsonText("machine_type") ?? "";
  const type = named || (isPc ? DEFAULTS.machineType : undefined);
  if (type !== undefined) draft.set(["machine", "type"], type, reader.origin("machine_type"));
  const cpu = facts.cpu ?? reader.jsonText("cpu_model");
  if (cpu !== undefined && cpu !== "")
    draft.set(["machine", "cpu"], cpu, reader.origin("cpu_model"));
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
  addSizedDisks(reader, context);
  setTpm(reader, facts, context);
  setNetworks(reader, facts, context);
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
  if (first) return reader.say("qemuargs", "refused", `${first.argument}: ${first.text}`);
  const texts = ["the fields that the arguments mean", ...facts.notes, IGNORED_ARGUMENTS];
  reader.say("qemuargs", "mapped", texts.join("; "));
}
