/** Completes a template's `machine` with what depends on its architecture, and checks it. */
import { formatNamed } from "../artifact/registry.js";
import type { ImageFormat } from "../artifact/registry.js";
import type { Display, Firmware } from "../machine/architectures/architecture.js";
import {
  ARCHITECTURES,
  DEFAULT_ARCHITECTURE,
  architectureNamed,
} from "../machine/architectures/registry.js";
import type { ArchitectureName } from "../machine/architectures/registry.js";
import { diskBus } from "../machine/disk-bus.js";
import type { DiskBusName } from "../machine/disk-bus.js";
import type { JsonPath } from "./document.js";

/** Fields whose defaults depend on the architecture. */
interface ArchitectureFields {
  readonly arch: ArchitectureName;
  readonly type?: string | undefined;
  readonly firmware?: Firmware | { readonly code: string; readonly variables: string } | undefined;
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
  readonly disks: readonly { readonly bus: DiskBusName }[];
  readonly secureBoot: boolean;
  readonly display: Display | "none";
};

interface Problem {
  /** Relative to `machine`. */
  readonly path: JsonPath;
  readonly message: string;
}

function firmwareProblems({ arch, firmware, type, secureBoot }: CheckedMachine): Problem[] {
  const architecture = architectureNamed(arch);
  const { firmwares, uefi, machineType } = architecture;
  const kind = typeof firmware === "string" ? firmware : "uefi";
  const problem = (key: string, message: string) => [{ path: [key], message }];
  if (!firmwares.includes(kind)) {
    const message = `machines with arch ${arch} have ${firmwares.join(" or ")} firmware`;
    return problem("firmware", message);
  }
  if (kind !== firmware && !uefi.takesFiles) {
    const message = `machines with arch ${arch} start this host's ${uefi.name}; use "uefi"`;
    return problem("firmware", message);
  }
  if (!secureBoot) return [];
  if (!uefi.secureBootCandidates) {
    const message = `machines with arch ${arch} have no secure boot: ${uefi.name} comes without keys`;
    return problem("secureBoot", message);
  }
  if (kind === "bios") {
    return problem("secureBoot", 'secure boot needs UEFI; set machine.firmware to "uefi"');
  }
  if (architecture.boardOf(type).secureBoot) return [];
  const message = `secure boot needs the machine type ${machineType}; machine.type is ${type}`;
  return problem("secureBoot", message);
}

function boardProblems({ arch, type, diskBus: root, disks, display }: CheckedMachine): Problem[] {
  const { drivePorts, displays } = architectureNamed(arch).boardOf(type);
  const places = [
    { path: ["diskBus"], bus: root },
    ...disks.map(({ bus }, index) => ({ path: ["disks", index, "bus"], bus })),
  ];
  const sata = places.filter(({ bus }) => diskBus(bus).takesPort && !drivePorts);
  const message = `the machine type ${type} has no SATA controller; use virtio or scsi`;
  const problems: Problem[] = sata.map(({ path }) => ({ path, message }));
  if (display === "none" || displays[display]) return problems;
  const others = Object.keys(displays).join(" or ");
  const text = `the machine type ${type} of ${arch} has no graphics card ${display}; use ${others}`;
  return [...problems, { path: ["display"], message: text }];
}

/** Returns each value that machines of the architecture cannot have. */
export function machineProblems(machine: CheckedMachine): Problem[] {
  return [...firmwareProblems(machine), ...boardProblems(machine)];
}

/** Returns each image whose format cannot describe machines of the architecture. */
export function formatProblems(
  output: { readonly format: ImageFormat; readonly formats: readonly { format: ImageFormat }[] },
  arch: ArchitectureName,
): { path: JsonPath; message: string }[] {
  return [output, ...output.formats].flatMap(({ format }, index) => {
    const { architectures } = formatNamed(format);
    if (architectures?.includes(arch) !== false) return [];
    const described = architectures.join(" or ");
    const message = `the format ${format} describes a machine with arch ${described}, but machine.arch is ${arch}; use a format of the disk alone, such as qcow2 or raw`;
    const place = index === 0 ? ["output"] : ["output", "formats", index - 1];
    return [{ path: [...place, "format"], message }];
  });
}
