/** Lists the buses on which a machine can have its disk. */

/** Bus of a machine's disk. */
interface DiskBus {
  /**
   * Returns QEMU's arguments for the disk's device.
   * @param drive the device's property that names the disk, and its place in the boot order.
   */
  arguments(drive: string): string[];
  /** Reason why QEMU cannot save the state of a machine with this device. */
  readonly unsavable?: string;
}

/** Controller that CDs use, too. */
export const SCSI_CONTROLLER = ["-device", "virtio-scsi-pci,id=scsi"];

const BUSES = {
  virtio: { arguments: (drive) => ["-device", `virtio-blk-pci,${drive}`] },
  scsi: { arguments: (drive) => [...SCSI_CONTROLLER, "-device", `scsi-hd,bus=scsi.0,${drive}`] },
  sata: {
    // q35 has an AHCI controller, pc an IDE controller.
    arguments: (drive) => ["-device", `ide-hd,bus=ide.0,${drive}`],
  },
  nvme: {
    arguments: (drive) => ["-device", `nvme,serial=vmbuild,${drive}`],
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
