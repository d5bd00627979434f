/** Derives output and machine from a template alone. `inspect` shows them. */
import { resolve } from "node:path";
import type { Algorithm } from "../artifact/digest.js";
import { compressionOf } from "../artifact/compact.js";
import { PACKAGES_NAME, SBOM_NAME, imageFilename } from "../artifact/names.js";
import type { Pack } from "../artifact/packs.js";
import { formatNamed } from "../artifact/registry.js";
import type { Compression, ImageFormat } from "../artifact/registry.js";
import type { MachinePlan } from "../machine/shape.js";
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
}

/** Planned files of the artifact. Its own fields are those of the first image. */
export interface OutputPlan extends ImagePlan {
  /** Absolute. */
  readonly folder: string;
  /** All images, the first of which is that of `output` itself. */
  readonly images: readonly ImagePlan[];
  readonly reproducible: boolean;
  readonly checksums: readonly Algorithm[];
  /** Whether the packages of the guest are listed beside the images. */
  readonly packages: boolean;
}

/** Returns the file names of all images. */
export function imageNames({ images }: Pick<OutputPlan, "images">): string[] {
  return images.map(({ filename }) => filename);
}

/** Returns the names of the lists of packages, where the output has them. */
export function packageNames({ packages }: Pick<OutputPlan, "packages">): string[] {
  return packages ? [PACKAGES_NAME, SBOM_NAME] : [];
}

function planImage(
  { name, version }: Template,
  output: Template["output"]["formats"][number],
  folder: string,
): ImagePlan {
  const { format, pack } = output;
  const filename = imageFilename({ name, version, output });
  const subformat = output.subformat ?? formatNamed(format).subformats[0];
  return {
    filename,
    path: resolve(folder, filename),
    format,
    ...(subformat === undefined ? {} : { subformat }),
    compression: compressionOf(format, output.compression, pack),
    ...(pack === undefined ? {} : { pack }),
  };
}

/** Returns the planned output. `directory` (from `--output`) is relative to the current folder. */
export function planOutput(template: Template, directory?: string): OutputPlan {
  const { output } = template;
  const folder = resolve(directory ?? output.directory);
  const { reproducible, checksums, packages } = output;
  const first = planImage(template, output, folder);
  const others = output.formats.map((further) => planImage(template, further, folder));
  return { folder, ...first, images: [first, ...others], reproducible, checksums, packages };
}

/**
 * Returns the paths that belong to a build and not to a project in the same folder: the files
 * of the template and its output folder. Absolute.
 */
export function buildPathsOf({ files, output }: Template): string[] {
  return [...files.map(({ path }) => path), resolve(output.directory)];
}

/** Returns the machine that a template describes; `completeShape` adds the accelerator. */
export function planMachine(template: Template): MachinePlan {
  const { machine } = template;
  return {
    name: `vmbuild-${template.name}`,
    binary: machine.binary,
    cpus: machine.cpus,
    memory: machine.memory,
    cpuModel: machine.cpu,
    machineType: machine.type,
    firmware: machine.firmware,
    diskBus: machine.diskBus,
    network: machine.network,
    extraArguments: machine.arguments,
  };
}
