/** What a run will do, as far as it follows from the template alone. `inspect` shows it. */
import { resolve } from "node:path";
import type { Algorithm } from "../artifact/digest.js";
import { compressionOf } from "../artifact/compact.js";
import { imageFilename } from "../artifact/names.js";
import type { Compression, ImageFormat } from "../artifact/registry.js";
import { defaultCpuModel } from "../machine/shape.js";
import type { Accelerator, MachineShape } from "../machine/shape.js";
import type { Template } from "../template/load.js";

/** The artifact's files before they are there. Absolute paths. */
export interface OutputPlan {
  readonly folder: string;
  readonly filename: string;
  readonly path: string;
  readonly format: ImageFormat;
  readonly compression: Compression;
  readonly reproducible: boolean;
  readonly checksums: readonly Algorithm[];
}

/** Where the artifact goes. `directory` (from `--output`) is relative to the current folder. */
export function planOutput(template: Template, directory?: string): OutputPlan {
  const { output } = template;
  const folder = resolve(directory ?? output.directory);
  const filename = imageFilename(template);
  const compression = compressionOf(output.format, output.compression);
  const { format, reproducible, checksums } = output;
  const path = resolve(folder, filename);
  return { folder, filename, path, format, compression, reproducible, checksums };
}

/** The machine, once it is known how its instructions will be run. */
export function planMachine(template: Template, accelerator: Accelerator): MachineShape {
  const { machine } = template;
  return {
    name: `vmbuild-${template.name}`,
    binary: machine.binary,
    cpus: machine.cpus,
    memory: machine.memory,
    accelerator,
    cpuModel: machine.cpu ?? defaultCpuModel(accelerator),
    machineType: machine.type,
    firmware: machine.firmware,
    network: machine.network,
    extraArguments: machine.arguments,
  };
}
