/** Derives output and machine from a template alone. `inspect` shows them. */
import { resolve } from "node:path";
import type { Algorithm } from "../artifact/digest.js";
import { compressionOf } from "../artifact/compact.js";
import { PACKAGES_NAME, SBOM_NAME, imageFilename, provenanceNames } from "../artifact/names.js";
import type { Pack } from "../artifact/packs.js";
import { DEFAULT_BUILDER } from "../artifact/provenance.js";
import { formatNamed } from "../artifact/registry.js";
import type { Compression, ImageFormat } from "../artifact/registry.js";
import { architectureNamed } from "../machine/architectures/registry.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import { diskBus } from "../machine/disk-bus.js";
import type { DiskBusName } from "../machine/disk-bus.js";
import type { MachinePlan } from "../machine/shape.js";
import { buildCardIndex, defaultMac } from "../machine/networks.js";
import type { NetworkCard } from "../machine/networks.js";
import { publishedDisks } from "../template/devices-schema.js";
import type { Template } from "../template/load.js";

/** Planned image of the artifact. The path is absolute. */
export interface ImagePlan {
  readonly filename: string;
  readonly path: string;
  readonly format: ImageFormat;
  /** Variant of the format, where it has several. */
  readonly subformat?: string;
  readonly compression: Compression;
  /** Program that compresses the whole file. */
  readonly pack?: Pack;
  /** Text that is added to the box's Vagrantfile. */
  readonly vagrantfile?: string;
  /** Texts by file names. */
  readonly boxFiles?: Readonly<Record<string, string>>;
  /** Disk in the image, where it is not the root disk. */
  readonly disk?: string;
}

/** Planned files of the artifact. Its own fields are those of the first image. */
export interface OutputPlan extends ImagePlan {
  /** Absolute. */
  readonly folder: string;
  /** All images, the first of which is that of `output` itself; those of further disks come last. */
  readonly images: readonly ImagePlan[];
  readonly reproducible: boolean;
  readonly checksums: readonly Algorithm[];
  /** Whether the packages of the guest are listed beside the images. */
  readonly packages: boolean;
  /** Undefined where there is no provenance. */
  readonly provenance: ProvenancePlan | undefined;
}

/** Planned provenance. */
export interface ProvenancePlan {
  /** URI. */
  readonly builder: string;
  /** Absolute path of the SSH key that signs it. */
  readonly signingKey?: string;
}

function planProvenance({ output, folder }: Template): ProvenancePlan | undefined {
  const { provenance } = output;
  if (provenance === false) return undefined;
  const given = provenance === true ? undefined : provenance;
  const builder = given?.builder ?? DEFAULT_BUILDER;
  const signingKey = given?.signingKey;
  return {
    builder,
    ...(signingKey === undefined ? {} : { signingKey: resolve(folder, signingKey) }),
  };
}

/** Returns the file names of all images. */
export function imageNames({ images }: Pick<OutputPlan, "images">): string[] {
  return images.map(({ filename }) => filename);
}

/** Returns the names of the files that describe the image: lists of packages and provenance. */
export function describingNames({
  packages,
  provenance,
  filename,
}: Pick<OutputPlan, "packages" | "provenance" | "filename">): string[] {
  const [statement, signature] = provenanceNames(filename);
  const signed = provenance && provenance.signingKey !== undefined ? [signature] : [];
  return [
    ...(packages ? [PACKAGES_NAME, SBOM_NAME] : []),
    ...(provenance ? [statement, ...signed] : []),
  ];
}

function planImage(
  { name, version }: Template,
  output: Template["output"]["formats"][number],
  folder: string,
): ImagePlan {
  const { format, pack, vagrantfile, boxFiles } = output;
  const filename = imageFilename({ name, version, output });
  const subformat = output.subformat ?? formatNamed(format).subformats[0];
  return {
    filename,
    path: resolve(folder, filename),
    format,
    ...(subformat === undefined ? {} : { subformat }),
    compression: compressionOf(format, output.compression, pack),
    ...(pack === undefined ? {} : { pack }),
    ...(vagrantfile === undefined ? {} : { vagrantfile }),
    ...(boxFiles === undefined ? {} : { boxFiles }),
  };
}

/** Returns the planned output. `directory` (from `--output`) is relative to the current folder. */
export function planOutput(template: Template, directory?: string): OutputPlan {
  const { output } = template;
  const folder = resolve(directory ?? output.directory);
  const { reproducible, checksums, packages } = output;
  const first = planImage(template, output, folder);
  const others = output.formats.map((further) => planImage(template, further, folder));
  const disks = publishedDisks(template).map(({ name, output: image }) => ({
    ...planImage(template, image, folder),
    disk: name,
  }));
  const images = [first, ...others, ...disks];
  const provenance = planProvenance(template);
  return { folder, ...first, images, reproducible, checksums, packages, provenance };
}

/**
 * Returns the paths that belong to a build and not to a project in the same folder: the files
 * of the template and its output folder. Absolute.
 */
export function buildPathsOf({ files, output }: Template): string[] {
  return [...files.map(({ path }) => path), resolve(output.directory)];
}

/** Returns the network cards of a machine; undefined where a template lists none. */
function planNetworks({ networks }: Template["machine"]): readonly NetworkCard[] | undefined {
  return networks?.map(({ kind, model, mac, bridge }, index) => ({
    kind,
    model,
    mac: mac ?? defaultMac(index),
    ...(bridge === undefined ? {} : { bridge }),
  }));
}

/** Returns the fields of a machine that most templates do not set. */
function planDevices({ machine, folder }: Template): Partial<MachinePlan> {
  const { firmware, secureBoot, tpm, display, disks } = machine;
  const networks = planNetworks(machine);
  const uefiFiles =
    typeof firmware === "string"
      ? undefined
      : { code: resolve(folder, firmware.code), variables: resolve(folder, firmware.variables) };
  return {
    ...(uefiFiles ? { uefiFiles } : {}),
    ...(secureBoot ? { secureBoot } : {}),
    ...(tpm ? { tpm } : {}),
    ...(display === "none" ? {} : { display }),
    ...(disks.length > 0 ? { disks: disks.map(({ name, bus }) => ({ name, bus })) } : {}),
    ...(networks ? { networks } : {}),
  };
}

/** Returns the network of the build: that of the card through which it reaches the guest. */
function buildNetworkOf({ network, networks }: Template["machine"]): MachinePlan["network"] {
  const kind = networks?.[buildCardIndex(networks)]?.kind ?? network;
  return kind === "isolated" ? "isolated" : "user";
}

/** Returns the machine that a template describes; `completeShape` adds the accelerator. */
export function planMachine(template: Template): MachinePlan {
  const { machine } = template;
  const { firmware } = machine;
  return {
    name: `vmbuild-${template.name}`,
    arch: machine.arch,
    binary: machine.binary,
    cpus: machine.cpus,
    memory: machine.memory,
    cpuModel: machine.cpu,
    machineType: machine.type,
    firmware: typeof firmware === "string" ? firmware : "uefi",
    diskBus: machine.diskBus,
    network: buildNetworkOf(machine),
    extraArguments: machine.arguments,
    ...planDevices(template),
  };
}

/**
 * Returns the machine for a finished image of the template, which may have been built for another
 * architecture than the template's with `--set`. Values that only fit the template's architecture
 * are replaced by the defaults of the image's.
 */
export function planImageMachine(template: Template, arch: ArchitectureName): MachinePlan {
  const plan = planMachine(template);
  if (arch === plan.arch) return plan;
  const architecture = architectureNamed(arch);
  const { binary, machineType, firmwares } = architecture;
  const { drivePorts, displays, secureBoot } = architecture.boardOf(machineType);
  const { uefiFiles: _files, secureBoot: wantsSecureBoot, display, disks, ...rest } = plan;
  const busOf = (bus: DiskBusName): DiskBusName =>
    diskBus(bus).takesPort && !drivePorts ? "virtio" : bus;
  return {
    ...rest,
    ...{ arch, binary, machineType, firmware: firmwares[0], cpuModel: undefined },
    ...(wantsSecureBoot && secureBoot ? { secureBoot: true, firmware: "uefi" } : {}),
    ...(display === undefined || display === "none" || !displays[display] ? {} : { display }),
    ...(disks ? { disks: disks.map(({ name, bus }) => ({ name, bus: busOf(bus) })) } : {}),
    diskBus: busOf(plan.diskBus),
    extraArguments: [],
  };
}
