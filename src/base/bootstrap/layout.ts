/** Plans the partitions of the disk. Units are bytes unless a name says sectors. */
import type { BootstrapSpec } from "./spec.js";
import { DEFAULT_SIZE, debianPortOf, derivedUuid } from "./spec.js";

/** Size of a sector for GPT and GRUB. Bytes. */
export const SECTOR = 512;
const MIB = 2 ** 20;

/** Range of the disk. */
export interface Extent {
  readonly offset: number;
  readonly size: number;
}

/** Layout of the disk. */
export interface Layout {
  readonly size: number;
  /** Partition of GRUB's core image for BIOS; undefined where the architecture has none. */
  readonly biosBoot: Extent | undefined;
  /** EFI system partition, FAT. */
  readonly esp: Extent;
  /** Root partition, ext4. It is the last one on the disk, so that growpart can extend it. */
  readonly root: Extent;
  readonly rootUuid: string;
  /** Serial number of the FAT file system, 8 hex digits. */
  readonly espSerial: string;
  readonly espPartitionUuid: string;
  /** Input for sfdisk(8). */
  readonly sfdisk: string;
}

/** Partition types of GPT (UEFI specification, discoverable partitions specification). */
const TYPES = {
  biosBoot: "21686148-6449-6E6F-744E-656564454649",
  esp: "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
} as const;

/** Entry of a partition in GPT. */
interface Partition {
  /** GUID of the partition type. */
  readonly type: string;
  readonly uuid: string;
  readonly name: string;
}

/** Plans the disk. The same spec always results in the same layout. */
export function planDisk(spec: BootstrapSpec): Layout {
  const size = Math.ceil((spec.size ?? DEFAULT_SIZE) / MIB) * MIB;
  const { biosPlatform, rootPartitionType } = debianPortOf(spec);
  const biosBoot = biosPlatform === undefined ? undefined : { offset: MIB, size: 3 * MIB };
  const esp = { offset: 4 * MIB, size: 60 * MIB };
  // The last MiB contains GPT's backup.
  const root = { offset: 64 * MIB, size: size - 65 * MIB };
  const espPartitionUuid = derivedUuid(spec, "esp partition");
  // Numbered as in Debian's cloud images: the root file system is partition 1.
  const line = (number: number, extent: Extent, partition: Partition) =>
    `${number}: start=${extent.offset / SECTOR}, size=${extent.size / SECTOR}, ` +
    `type=${partition.type}, uuid=${partition.uuid}, name="${partition.name}"`;
  return {
    size,
    biosBoot,
    esp,
    root,
    rootUuid: derivedUuid(spec, "root file system"),
    espSerial: derivedUuid(spec, "esp").slice(0, 8),
    espPartitionUuid,
    sfdisk: [
      "label: gpt",
      `label-id: ${derivedUuid(spec, "disk")}`,
      "unit: sectors",
      "first-lba: 2048",
      "",
      line(1, root, {
        type: rootPartitionType,
        uuid: derivedUuid(spec, "root partition"),
        name: "root",
      }),
      ...(biosBoot
        ? [
            line(14, biosBoot, {
              type: TYPES.biosBoot,
              uuid: derivedUuid(spec, "bios partition"),
              name: "bios",
            }),
          ]
        : []),
      line(15, esp, { type: TYPES.esp, uuid: espPartitionUuid, name: "esp" }),
      "",
    ].join("\n"),
  };
}
