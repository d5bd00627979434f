/** Converts the options of the qemu builder for firmware, further disks, TPM and networks. */
import { basename, dirname, normalize } from "node:path";
import { NETWORK_MODELS } from "../../../machine/networks.js";
import type { BlockReader } from "../block.js";
import { resultPath } from "../context.js";
import type { ImageContext } from "../context.js";
import { chooseUefi, isUefiFile, replacedText } from "../firmware.js";
import type { PlainObject } from "../plain.js";
import type { ArgumentFacts, DriveFact } from "./argument-facts.js";
import { diskText } from "./disk-size.js";
import { isVirtioNet, networkModel } from "./machine-rules.js";
import { imageName, outputFolder } from "./output.js";

/** Sets the firmware. Its files are the host's own, unless the template brings others. */
export function setFirmware(
  reader: BlockReader,
  facts: ArgumentFacts,
  context: ImageContext,
): void {
  const single = reader.text("firmware") ?? "";
  if (single !== "" && !isUefiFile(single)) {
    const text = "vmbuild uses the host's own firmware; leave it out, or use efi_boot";
    if (!/bios/i.test(single)) reader.say("firmware", "refused", text);
    return;
  }
  const code = [facts.firmwareCode, reader.text("efi_firmware_code"), single].find(Boolean);
  const variables = facts.firmwareVariables ?? reader.text("efi_firmware_vars");
  if (!facts.isUefi && !reader.flag("efi_boot") && !code && !variables) return;
  const options = ["firmware", "efi_firmware_code", "efi_firmware_vars"];
  const named = options.find((name) => reader.has(name));
  const option = facts.isUefi ? "qemuargs" : (named ?? "efi_boot");
  const { firmware, secureBoot, replaced } = chooseUefi({ code, variables }, context);
  const { draft } = context;
  draft.set(["machine", "firmware"], firmware, reader.origin(option));
  if (secureBoot) draft.set(["machine", "secureBoot"], true, reader.origin(option));
  if (replaced === undefined) return;
  const text = replacedText(replaced);
  if (option === "qemuargs") facts.notes.push(text);
  else reader.say(option, "mapped", text);
}

/** Returns the bus of a further disk as a field of it. Packer gives all disks the same one. */
function busField({ draft }: ImageContext): PlainObject {
  const bus = draft.get(["machine", "diskBus"]);
  return bus === undefined ? {} : { bus };
}

/** Adds the disks of `disk_additional_size`, which are part of Packer's output. */
export function addSizedDisks(reader: BlockReader, context: ImageContext): void {
  const option = "disk_additional_size";
  const { draft } = context;
  const format = reader.text("format") || "qcow2";
  for (const [index, size] of reader.texts(option).entries()) {
    const number = index + 1;
    const publish = {
      ...{ filename: `${imageName(reader, context)}-${number}`, format },
      ...(format === "qcow2" && { compression: "none" }),
    };
    const disk = { name: `disk${number}`, size: diskText(size), ...busField(context), publish };
    draft.add(["machine", "disks"], disk, reader.origin(option));
  }
}

/** Buses by the values of `if` in `-drive`. */
const INTERFACES: Readonly<Record<string, string>> = {
  virtio: "virtio",
  scsi: "scsi",
  ide: "sata",
};

/**
 * Adds the disk images that arguments attach. The guest gets copies of them.
 * @param seedImage image that became the seed, which is no disk any more.
 */
export function addImageDisks(
  reader: BlockReader,
  facts: ArgumentFacts,
  { seedImage, ...context }: ImageContext & { readonly seedImage: string | undefined },
): void {
  const { draft, source } = context;
  const own = imageName(reader, { source }, "evaluated");
  const folder = normalize(outputFolder(reader, { source }));
  // Packer's own disk has to be repeated where a template adds a drive. Nothing else can be in the
  // output folder.
  const isOwn = ({ file }: DriveFact): boolean =>
    basename(file) === own || normalize(dirname(file)) === folder;
  const disks = facts.disks.filter((disk) => !isOwn(disk) && disk.file !== seedImage);
  for (const [index, { file, properties }] of disks.entries()) {
    const bus = INTERFACES[properties.get("if") ?? ""];
    const disk = {
      ...{ name: `image${index + 1}`, from: resultPath(context, file) },
      ...(bus !== undefined && bus !== "virtio" ? { bus } : {}),
    };
    draft.add(["machine", "disks"], disk, reader.origin("qemuargs"));
  }
}

/** Sets the TPM. */
export function setTpm(reader: BlockReader, facts: ArgumentFacts, { draft }: ImageContext): void {
  const isOption = reader.flag("vtpm");
  if (!isOption && !facts.hasTpm) return;
  draft.set(["machine", "tpm"], true, reader.origin(isOption ? "vtpm" : "qemuargs"));
}

/**
 * Sets the networks. A build reaches its guest over NAT, so a bridge is a second card: a guest that
 * asks for addresses on its first card only is reached as well.
 */
export function setNetworks(
  reader: BlockReader,
  facts: ArgumentFacts,
  { draft }: ImageContext,
): void {
  const option = facts.networkModel === undefined ? "net_device" : "qemuargs";
  const named = facts.networkModel ?? reader.text("net_device") ?? "";
  const model = networkModel(named);
  if (named !== "" && model === undefined) {
    const text = `${named} is no card that vmbuild has; use one of ${NETWORK_MODELS.join(", ")}`;
    reader.say(option, "refused", text);
    return;
  }
  const bridge = reader.text("net_bridge") ?? "";
  const card = named === "" || isVirtioNet(named) ? {} : { model: model ?? named };
  if (bridge === "" && Object.keys(card).length === 0) return;
  const networks = bridge === "" ? [card] : [card, { kind: "bridge", bridge, ...card }];
  const origin = reader.origin(bridge === "" ? option : "net_bridge");
  draft.set(["machine", "networks"], networks, origin);
}
