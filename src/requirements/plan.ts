/** Derives output and machine from a template alone. `inspect` shows them. */
import { resolve } from "node:path";
import type { Algorithm } from "../artifact/digest.js";
import { compressionOf } from "../artifact/compact.js";
import { imageFilename } from "../artifact/names.js";
import type { Compression, ImageFormat } from "../artifact/registry.js";
import type { MachinePlan } from "../machine/shape.js";
import type { Template } from "../template/load.js";

/** Planned files of the artifact. Paths are absolute. */
export interface OutputPlan {
  readonly folder: string;
  readonly filename: string;
  readonly path: string;
  readonly format: ImageFormat;
  readonly compression: Compression;
  readonly reproducible: boolean;
  readonly checksums: readonly Algorithm[];
}

/** Returns the planned output. `directory` (from `--output`) is relative to the current folder. */
export function planOutput(template: Template, directory?: string): OutputPlan {
  const { output } = template;
  const folder = resolve(directory ?? output.directory);
  const filename = imageFilename(template);
  const compression = compressionOf(output.format, output.compression);
  const { format, reproducible, checksums } = output;
  const path = resolve(folder, filename);
  return { folder, filename, path, format, compression, reproducible, checksums };
}

/**
 * Returns the paths that belong to a build and not to a project in the same folder: the template and
 * its output folder. Absolute.
 */
export function buildPathsOf({ path, output }: Template): string[] {
  return [path, resolve(output.directory)];
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
    network: machine.network,
    extraArguments: machine.arguments,
  };
}
