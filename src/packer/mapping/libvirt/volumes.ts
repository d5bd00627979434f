/** Reads the volumes of a libvirt source: the image's base, and its seed. */
import type { BlockReader } from "../block.js";
import type { ImageContext } from "../context.js";
import { escapeText } from "../keep.js";
import { isPlainObject, listOf, textOf } from "../plain.js";
import type { Plain, PlainObject } from "../plain.js";

/** Alias of the volume that becomes the image, where none is given (builder/libvirt/config.go). */
const DEFAULT_ALIAS = "artifact";

/** Returns a nested block, or an object in JSON. */
function inner(value: Plain | undefined): PlainObject | undefined {
  const first = Array.isArray(value) ? value[0] : value;
  return isPlainObject(first) ? first : undefined;
}

function baseOf(source: PlainObject): PlainObject | undefined {
  const [url, ...mirrors] = listOf(source["urls"]).map((address) => textOf(address) ?? "");
  if (url === undefined) return undefined;
  const checksum = textOf(source["checksum"]) || "none";
  if (!/^https?:/.test(url)) return { path: url.replace(/^file:\/\//, "") };
  return { url, checksum, ...(mirrors.length > 0 && { mirrors }) };
}

function seedOf(source: PlainObject): PlainObject {
  const fields = [
    ["user_data", "userData"],
    ["network_config", "networkConfig"],
  ] as const;
  return Object.fromEntries(
    fields.flatMap(([option, key]): [string, Plain][] => {
      const text = textOf(source[option]) ?? "";
      return text === "" ? [] : [[key, { content: escapeText(text, "plain") }]];
    }),
  );
}

/** Returns the size of a volume as a template has it; undefined where it has none. */
function sizeOf(volume: PlainObject | undefined): string | undefined {
  const size = textOf(volume?.["capacity"]) ?? textOf(volume?.["size"]) ?? "";
  return size === "" ? undefined : size.replace(/i?b$/i, "");
}

/** Buses of disks by libvirt's names. Its default is virtio. */
const BUSES: Readonly<Record<string, string>> = { scsi: "scsi", sata: "sata", ide: "sata" };

/** Returns an empty volume as a disk of the machine; undefined for another one. */
function emptyDisk(volume: PlainObject, number: number): PlainObject | undefined {
  const size = sizeOf(volume);
  if (size === undefined || volume["source"] !== undefined) return undefined;
  const bus = BUSES[textOf(volume["bus"]) ?? ""];
  return { name: `disk${number}`, size, ...(bus === undefined ? {} : { bus }) };
}

/** Sets `base`, `machine.disk`, `machine.disks` and `seed`; returns whether the template gives a seed. */
export function convertVolumes(reader: BlockReader, { draft }: ImageContext): boolean {
  const volumes = listOf(reader.value("volume")).filter(isPlainObject);
  const alias = reader.text("artifact_volume_alias") || DEFAULT_ALIAS;
  const main = volumes.find((volume) => textOf(volume["alias"]) === alias) ?? volumes[0];
  const source = inner(main?.["source"]);
  const base = source && textOf(source["type"]) === "external" ? baseOf(source) : undefined;
  if (base) draft.set(["base"], base, reader.origin("volume"));
  else {
    const text = "the image's volume needs a source of the type external";
    reader.say("volume", "refused", text, true);
  }
  const size = sizeOf(main);
  if (size !== undefined) draft.set(["machine", "disk"], size, reader.origin("volume"));
  let hasSeed = false;
  let disks = 0;
  for (const volume of volumes.filter((one) => one !== main)) {
    const other = inner(volume["source"]);
    const isSeed = other !== undefined && textOf(other["type"]) === "cloud-init";
    hasSeed ||= isSeed;
    if (isSeed) {
      const seed = seedOf(other);
      if (Object.keys(seed).length > 0) draft.set(["seed"], seed, reader.origin("volume"));
      continue;
    }
    const disk = emptyDisk(volume, disks + 1);
    if (disk) {
      disks++;
      draft.add(["machine", "disks"], disk, reader.origin("volume"));
    } else if (base) {
      const text =
        "besides the image's volume, only empty ones and one of the type cloud-init are known";
      reader.say("volume", "refused", text);
    }
  }
  return hasSeed;
}
