/** Defines the devices of `machine` in a template: firmware, further disks, networks, display. */
import { z } from "zod";
import { imageFilename } from "../artifact/names.js";
import { IMAGE_FORMATS, formatNamed } from "../artifact/registry.js";
import { diskSize } from "../fields.js";
import { architectureNamed } from "../machine/architectures/registry.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import { DISK_BUSES, diskBus } from "../machine/disk-bus.js";
import type { DiskBusName } from "../machine/disk-bus.js";
import { DISPLAYS } from "../machine/display.js";
import { diskName } from "../machine/extra-disks.js";
import { NETWORK_KINDS, NETWORK_MODELS, buildCardIndex, defaultMac } from "../machine/networks.js";
import type { JsonPath } from "./document.js";
import { MACHINE_DEFAULTS, othersText } from "./machine-schema.js";
import { checkImage, imageFields } from "./output-schema.js";

/**
 * Largest number of further disks, and of network cards. Both together fit into the 32 slots of a PCI
 * bus, beside the root disk, the seed, the SCSI controller and vmbuild's own devices.
 */
const MOST_DISKS = 14;
const MOST_NETWORKS = 8;

const DEFAULT_FORMAT = "qcow2" as const;
/** Formats of a disk alone, and not of a whole machine. */
const DISK_FORMATS = IMAGE_FORMATS.filter((name) => formatNamed(name).packable);

const publishedImage = z
  .strictObject({
    ...imageFields,
    format: z.enum(DISK_FORMATS).default(DEFAULT_FORMAT).describe("image format"),
    filename: imageFields.filename.describe(
      "file name of the image; NAME-VERSION-DISK and the format's extension unless given",
    ),
  })
  .superRefine(checkImage)
  .describe("image of a disk");

const publishSchema = z
  .union([z.boolean(), publishedImage])
  .default(false)
  .describe(
    "publish the disk beside the image, with its own checksums: true, or an object with " +
      "filename, format, compression, subformat and pack as in output",
  );

const diskSchema = z
  .strictObject({
    name: diskName.describe(
      "name of the disk, and its serial number: the guest has /dev/disk/by-id/virtio-NAME",
    ),
    size: diskSize
      .optional()
      .describe("virtual size; with from, at least that of the image, which it is unless given"),
    from: z
      .string()
      .min(1)
      .optional()
      .describe(
        "disk image (qcow2, raw, …) whose copy the disk is: a path relative to the template, or " +
          "${input.NAME}; without it, the disk is empty",
      ),
    bus: z.enum(DISK_BUSES).default("virtio").describe("bus of the disk, as machine.diskBus"),
    publish: publishSchema,
  })
  .refine(({ size, from }) => size !== undefined || from !== undefined, {
    message: "a disk needs a size, or an image to start from (from)",
  })
  .describe("disk beside the root disk; checkpoints include it");

/** Schema of `machine.disks`. */
export const disksSchema = z
  .array(diskSchema)
  .max(MOST_DISKS)
  .prefault([])
  .describe("disks beside the root disk");

const macAddress = z
  .string()
  .regex(/^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$/, 'a MAC address is written as "52:54:00:12:34:56"')
  .toLowerCase()
  .refine((mac) => (Number.parseInt(mac.slice(0, 2), 16) & 1) === 0, {
    message: "a network card cannot have a multicast address: its first byte must be even",
  })
  .refine((mac) => mac !== "00:00:00:00:00:00", { message: "the MAC address must not be zero" });

const networkSchema = z
  .strictObject({
    kind: z
      .enum(NETWORK_KINDS)
      .default("user")
      .describe(
        "user: NAT through the host; isolated: no connections out of the guest; bridge: a bridge of the host",
      ),
    model: z.enum(NETWORK_MODELS).default(NETWORK_MODELS[0]).describe("model of the network card"),
    mac: macAddress
      .optional()
      .describe("MAC address; 52:54:00:76:6d:62 and those after it unless given"),
    bridge: z
      .string()
      .regex(/^[A-Za-z0-9_.-]{1,15}$/, "not a valid name of a network interface")
      .optional()
      .describe("name of the bridge; kind bridge only"),
  })
  .superRefine(({ kind, bridge }, context) => {
    const needsBridge = kind === "bridge";
    if (needsBridge === (bridge !== undefined)) return;
    const message = needsBridge
      ? "a network of the kind bridge needs the name of a bridge"
      : `a network of the kind ${kind} has no bridge`;
    context.addIssue({ code: "custom", path: ["bridge"], message });
  })
  .describe("network card");

/** Schema of `machine.networks`. */
export const networksSchema = z
  .array(networkSchema)
  .min(1)
  .max(MOST_NETWORKS)
  .optional()
  .describe(
    "network cards, in place of machine.network; the build uses the first that is not a bridge",
  );

/** Schema of `machine.firmware`. */
export const firmwareSchema = z
  .union(
    [
      z.enum(["bios", "uefi"]),
      z
        .strictObject({
          code: z.string().min(1).describe("UEFI code, relative to the template"),
          variables: z
            .string()
            .min(1)
            .describe("variable store that the machine gets a copy of, relative to the template"),
        })
        .describe("UEFI from files, such as a firmware of one's own"),
    ],
    { error: 'expected "bios", "uefi", or the files {code, variables}' },
  )
  .optional()
  .meta({ default: MACHINE_DEFAULTS.firmware })
  .describe(
    `guest firmware: bios, uefi (that of this host), or the files of a UEFI firmware; ${othersText((one) => one.firmwares.join(" or "))}`,
  );

/** Schema of `machine.display`. */
export const displaySchema = z
  .enum(DISPLAYS)
  .default("none")
  .describe(
    "graphics card: none, std (VGA; x86_64 only) or virtio; installers have one in any case. No machine has a sound card",
  );

/** Fields of `machine` that depend on each other. */
interface Devices {
  readonly arch: ArchitectureName;
  readonly type: string;
  readonly diskBus: DiskBusName;
  readonly disks: readonly z.infer<typeof diskSchema>[];
  readonly network: string;
  readonly networks?: readonly z.infer<typeof networkSchema>[] | undefined;
}

interface Problem {
  /** Relative to `machine`. */
  readonly path: JsonPath;
  readonly message: string;
}

/** Returns the index and the value of each item that occurs earlier in the list. */
function repeated(values: readonly string[]): [index: number, value: string][] {
  return [...values.entries()].filter(([index, value]) => values.indexOf(value) < index);
}

function diskProblems({ arch, type, diskBus: root, disks }: Devices): Problem[] {
  const names = repeated(disks.map(({ name }) => name)).map(([index, name]) => ({
    path: ["disks", index, "name"],
    message: `the name "${name}" is used by another disk`,
  }));
  const { drivePorts } = architectureNamed(arch).boardOf(type);
  if (!drivePorts) return names;
  const { count: most } = drivePorts;
  const count = [root, ...disks.map(({ bus }) => bus)].filter((bus) => diskBus(bus).takesPort);
  if (count.length <= most) return names;
  const message = `a machine of the type ${type} has ports for ${most} SATA disks, not for ${count.length}`;
  return [...names, { path: ["disks"], message }];
}

function networkProblems({ network, networks }: Devices): Problem[] {
  if (networks === undefined) return [];
  const macs = networks.map(({ mac }, index) => mac ?? defaultMac(index));
  const problems: Problem[] = repeated(macs).map(([index, mac]) => ({
    path: ["networks", index],
    message: `the MAC address ${mac} is used by another network card`,
  }));
  if (network === "isolated") {
    const message = 'machine.networks lists all cards; move "isolated" into it as a kind';
    problems.push({ path: ["network"], message });
  }
  if (buildCardIndex(networks) < 0) {
    const message = "the build needs a network of the kind user or isolated to reach the guest";
    problems.push({ path: ["networks"], message });
  }
  return problems;
}

/** Returns the problems of fields of `machine` that depend on each other. */
export function deviceProblems(machine: Devices): Problem[] {
  return [...diskProblems(machine), ...networkProblems(machine)];
}

/** Disk that is published, and the settings of its image. */
export interface PublishedDisk {
  /** Position in `machine.disks`. */
  readonly index: number;
  readonly name: string;
  readonly output: z.infer<typeof publishedImage>;
}

/** Returns the disks that are published, each with the name of its file. */
export function publishedDisks({
  name: template,
  version,
  machine: { disks },
}: {
  readonly name: string;
  readonly version: string;
  readonly machine: { readonly disks: Devices["disks"] };
}): PublishedDisk[] {
  return disks.flatMap(({ name, publish }, index): PublishedDisk[] => {
    if (publish === false) return [];
    const settings = publish === true ? { format: DEFAULT_FORMAT } : publish;
    const filename = imageFilename({
      name: template,
      version: `${version}-${name}`,
      output: settings,
    });
    return [{ index, name, output: { ...settings, filename } }];
  });
}
