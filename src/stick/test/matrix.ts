/** Lists the machines in which a stick is tested: their firmware and the bus of their disk. Pure. */
import type { DiskBusName } from "../../machine/disk-bus.js";

/** Firmware that starts the stick; `secure-boot` is UEFI that starts only signed boot loaders. */
export const STICK_FIRMWARES = ["bios", "uefi", "secure-boot"] as const;
/** One of {@link STICK_FIRMWARES}. */
export type StickFirmware = (typeof STICK_FIRMWARES)[number];

/** Buses of the disk that the stick installs. */
export const TARGET_BUSES = ["nvme", "sata", "virtio"] as const satisfies readonly DiskBusName[];
/** One of {@link TARGET_BUSES}. */
export type TargetBus = (typeof TARGET_BUSES)[number];

/** One machine of the test. */
export interface Combination {
  readonly firmware: StickFirmware;
  readonly target: TargetBus;
}

/** Combinations unless options name others: both kinds of firmware, and each bus once. */
const DEFAULT_COMBINATIONS: readonly Combination[] = [
  { firmware: "bios", target: "sata" },
  { firmware: "uefi", target: "virtio" },
  { firmware: "uefi", target: "nvme" },
];

/**
 * Returns the combinations for the values of the options: every firmware with every bus. Without a
 * firmware, BIOS and UEFI are meant, without a bus, all.
 */
export function combinationsOf(
  firmwares: readonly StickFirmware[] = [],
  targets: readonly TargetBus[] = [],
): readonly Combination[] {
  if (firmwares.length === 0 && targets.length === 0) return DEFAULT_COMBINATIONS;
  const all: readonly StickFirmware[] = firmwares.length === 0 ? ["bios", "uefi"] : firmwares;
  const buses: readonly TargetBus[] = targets.length === 0 ? TARGET_BUSES : targets;
  return [...new Set(all)].flatMap((firmware) =>
    [...new Set(buses)].map((target) => ({ firmware, target })),
  );
}

const FIRMWARE_TITLES: Readonly<Record<StickFirmware, string>> = {
  bios: "BIOS",
  uefi: "UEFI",
  "secure-boot": "UEFI with secure boot",
};

const BUS_TITLES: Readonly<Record<TargetBus, string>> = {
  nvme: "NVMe",
  sata: "SATA",
  virtio: "virtio",
};

/** Describes a combination: `BIOS, SATA`. */
export function titleOf({ firmware, target }: Combination): string {
  return `${FIRMWARE_TITLES[firmware]}, ${BUS_TITLES[target]}`;
}
