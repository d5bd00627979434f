/** Completes a template's `machine` with what depends on its architecture, and checks it. */
import { formatNamed } from "../artifact/registry.js";
import type { ImageFormat } from "../artifact/registry.js";
import type { Firmware } from "../machine/architectures/architecture.js";
import {
  ARCHITECTURES,
  DEFAULT_ARCHITECTURE,
  architectureNamed,
} from "../machine/architectures/registry.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import type { DiskBusName } from "../machine/disk-bus.js";
import type { JsonPath } from "./document.js";

/** Fields whose defaults depend on the architecture. */
interface ArchitectureFields {
  readonly arch: ArchitectureName;
  readonly type?: string | undefined;
  readonly firmware?: Firmware | undefined;
  readonly binary?: string | undefined;
}

/** Defaults of the default architecture, for the reference. */
export const MACHINE_DEFAULTS = {
  arch: DEFAULT_ARCHITECTURE.name,
  type: DEFAULT_ARCHITECTURE.machineType,
  firmware: DEFAULT_ARCHITECTURE.firmwares[0],
  binary: DEFAULT_ARCHITECTURE.binary,
} as const;

/** Lists the values of the other architectures, for descriptions: `virt for aarch64`. */
export function othersText(
  value: (architecture: (typeof ARCHITECTURES)[number]) => string,
): string {
  const [, ...others] = ARCHITECTURES;
  return others.map((one) => `${value(one)} for ${one.name}`).join(", ");
}

/** Fills in the fields whose defaults depend on the architecture. */
export function withArchitecture<M extends ArchitectureFields>(machine: M) {
  const { binary, machineType, firmwares } = architectureNamed(machine.arch);
  return {
    ...machine,
    type: machine.type ?? machineType,
    firmware: machine.firmware ?? firmwares[0],
    binary: machine.binary ?? binary,
  };
}

/** Part of a template's machine whose values depend on each other. */
type CheckedMachine = ReturnType<typeof withArchitecture<ArchitectureFields>> & {
  readonly diskBus: DiskBusName;
};

/** Returns each value that machines of the architecture cannot have. */
export function machineProblems(machine: CheckedMachine): { path: JsonPath; message: string }[] {
  const { arch, type, firmware, diskBus } = machine;
  const architecture = architectureNamed(arch);
  const { firmwares } = architecture;
  const problem = (key: string, message: string) => ({ path: ["machine", key], message });
  return [
    ...(firmwares.includes(firmware)
      ? []
      : [
          problem("firmware", `machines with arch ${arch} have ${firmwares.join(" or ")} firmware`),
        ]),
    ...(diskBus !== "sata" || architecture.boardOf(type).ideDrive
      ? []
      : [
          problem("diskBus", `the machine type ${type} has no SATA controller; use virtio or scsi`),
        ]),
  ];
}

/** Returns each image whose format cannot describe machines of the architecture. */
export function formatProblems(
  output: { readonly format: ImageFormat; readonly formats: readonly { format: ImageFormat }[] },
  arch: ArchitectureName,
): { path: JsonPath; message: string }[] {
  return [output, ...output.formats].flatMap(({ format }, index) => {
    const { architectures } = formatNamed(format);
    if (architectures?.includes(arch) !== false) return [];
    const message = `the format ${format} describes a machine with arch ${architectures.join(" or ")}; machine.arch is ${arch}`;
    const place = index === 0 ? ["output"] : ["output", "formats", index - 1];
    return [{ path: [...place, "format"], message }];
  });
}
