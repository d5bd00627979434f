/** Describes the disks that a machine has beside its root disk, and returns QEMU's arguments for all. */
import { join } from "node:path";
import { z } from "zod";
import type { DrivePorts } from "./architectures/architecture.js";
import { DISK_BUSES, diskBus } from "./disk-bus.js";
import type { DiskBusName } from "./disk-bus.js";

/** Node name of the root disk. */
export const ROOT_NODE = "disk";

/**
 * Longest name of a disk. The guest reads the name as a serial number, which has at most 20
 * characters on virtio (`VIRTIO_BLK_ID_BYTES`), SATA and NVMe.
 */
const LONGEST_DISK_NAME = 20;

/** Schema of a disk's name. */
export const diskName = z
  .string()
  .regex(
    new RegExp(`^[a-z0-9][a-z0-9-]{0,${LONGEST_DISK_NAME - 1}}$`),
    `the name of a disk consists of lower-case letters, digits and dashes, begins with a letter or digit, and has at most ${LONGEST_DISK_NAME} characters`,
  );

/** Schema of {@link ExtraDisk}. */
export const extraDiskSchema = z
  .object({
    /** Also the serial number, by which the guest finds the disk in `/dev/disk/by-id`. */
    name: z.string(),
    bus: z.enum(DISK_BUSES),
  })
  .readonly();

/** Disk of a machine beside its root disk. */
export type ExtraDisk = z.infer<typeof extraDiskSchema>;

/** Part of a machine's shape that describes its disks. */
interface DiskShape {
  /** Bus of the root disk. */
  readonly diskBus: DiskBusName;
  readonly disks?: readonly ExtraDisk[] | undefined;
}

/** Files of the disks that the guest writes to. Paths are absolute. */
interface DiskFiles {
  readonly disk: string;
  readonly disksFolder?: string;
}

/** Returns the path of a disk's qcow2 file in the folder of the further disks. Pure. */
export function extraDiskPath(folder: string, name: string): string {
  return join(folder, `${name}.qcow2`);
}

/** Returns the paths of the files of a machine's further disks. Pure. */
export function extraDiskPaths(folder: string, { disks = [] }: Pick<DiskShape, "disks">) {
  return disks.map(({ name }) => extraDiskPath(folder, name));
}

/** Returns the node names of all disks that a guest writes to, the root disk first. */
export function writableNodes({ disks = [] }: Pick<DiskShape, "disks">): string[] {
  return [ROOT_NODE, ...disks.map(({ name }) => `vmb-disk-${name}`)];
}

function writableNode(name: string, filename: string): string[] {
  // Flushes are ignored: the disk of a build need not survive a crash of the host, and package
  // managers sync so often that flushing would cost minutes. The image is synced when it is
  // converted.
  const options = {
    driver: "qcow2",
    "node-name": name,
    discard: "unmap",
    "detect-zeroes": "unmap",
    cache: { "no-flush": true },
    file: { driver: "file", filename, discard: "unmap", cache: { "no-flush": true } },
  };
  return ["-blockdev", JSON.stringify(options)];
}

/** Arguments for the disks that the guest writes to, and what they take of the controllers. */
export interface WritableDisks {
  readonly arguments: readonly string[];
  /** Number of SATA or IDE ports that are taken. */
  readonly ports: number;
  /** True when a SCSI controller is among the arguments. */
  readonly hasScsi: boolean;
}

/**
 * Returns QEMU's arguments for the disks that the guest writes to: the root disk, then the others.
 * @param drivePorts SATA or IDE ports of the machine type.
 */
export function writableDisks(
  shape: DiskShape,
  files: DiskFiles,
  drivePorts: DrivePorts | undefined,
): WritableDisks {
  const folder = files.disksFolder ?? "/";
  const all = [
    { bus: diskBus(shape.diskBus), filename: files.disk, serial: undefined },
    ...(shape.disks ?? []).map(({ name, bus }) => ({
      bus: diskBus(bus),
      filename: extraDiskPath(folder, name),
      serial: name,
    })),
  ];
  const nodes = writableNodes(shape);
  const controllers = new Set<readonly string[]>();
  let ports = 0;
  const args = all.flatMap(({ bus, filename, serial = bus.defaultSerial }, index) => {
    const node = nodes[index] ?? "";
    const controller = bus.controller && !controllers.has(bus.controller) ? bus.controller : [];
    if (bus.controller) controllers.add(bus.controller);
    const properties = [
      ...(serial === undefined ? [] : [`serial=${serial}`]),
      `drive=${node}`,
      ...(index === 0 ? ["bootindex=1"] : []),
    ].join(",");
    const device = bus.device(properties, { port: ports, ports: drivePorts });
    if (bus.takesPort) ports++;
    return [...writableNode(node, filename), ...controller, "-device", device];
  });
  return { arguments: args, ports, hasScsi: controllers.size > 0 };
}
