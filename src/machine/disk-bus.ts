/** Lists the buses on which a machine can have its disks. */

import type { DrivePorts } from "./architectures/architecture.js";

/** Place of a disk among the drives of a machine. */
interface DiskPlace {
  /** Number of SATA or IDE drives before this one. */
  readonly port: number;
  /** Ports of the machine type. */
  readonly ports: DrivePorts | undefined;
}

/** Bus of a machine's disk. */
interface DiskBus {
  /**
   * Returns the value of QEMU's option `-device`.
   * @param properties the device's further properties, such as the disk's node.
   */
  device(properties: string, place: DiskPlace): string;
  /** Arguments for the controller, which all disks of the bus share. */
  readonly controller?: readonly string[];
  /** True when each disk takes one of the machine's SATA or IDE ports. */
  readonly takesPort?: boolean;
  /** Serial number of a disk that has no name; NVMe requires one. */
  readonly defaultSerial?: string;
  /** Reason why QEMU cannot save the state of a machine with this device. */
  readonly unsavable?: string;
}

/** Controller that CDs use, too. */
export const SCSI_CONTROLLER = ["-device", "virtio-scsi-pci,id=scsi"];

/** Returns the properties by which a drive is connected to a SATA or IDE port. */
function sataPort({ port, ports }: DiskPlace): string {
  if (!ports) throw new Error("the machine type has no SATA or IDE controller");
  return ports.propertiesOf(port);
}

const BUSES = {
  virtio: { device: (properties) => `virtio-blk-pci,${properties}` },
  scsi: {
    device: (properties) => `scsi-hd,bus=scsi.0,${properties}`,
    controller: SCSI_CONTROLLER,
  },
  sata: {
    device: (properties, place) => `ide-hd,${sataPort(place)},${properties}`,
    takesPort: true,
  },
  nvme: {
    device: (properties) => `nvme,${properties}`,
    defaultSerial: "vmbuild",
    // hw/nvme/ctrl.c: its vmstate is "unmigratable".
    unsavable: "QEMU cannot save the state of an NVMe disk",
  },
} satisfies Record<string, DiskBus>;

/** Name of a bus. */
export type DiskBusName = keyof typeof BUSES;

/** Names of the buses, the default first. */
export const DISK_BUSES = Object.keys(BUSES) as [DiskBusName, ...DiskBusName[]];

/** Returns a bus by its name. */
export function diskBus(name: DiskBusName): DiskBus {
  return BUSES[name];
}
