/** Plugs a read-only disk into a running machine and unplugs it again. */
import { randomBytes } from "node:crypto";
import { VmbuildError } from "../errors.js";
import { PAYLOAD_SLOT } from "./argv.js";
import type { RunningMachine } from "./running-machine.js";

/** Disk that is plugged in. */
export interface PluggedDisk {
  /**
   * Serial number that the guest reads from the block device; at most 20 characters for virtio-blk.
   */
  readonly serial: string;
  /** Unplugs the disk and waits until the guest has released it. */
  unplug(): Promise<void>;
}

/**
 * Time limit for the guest to release a device; otherwise the device would be part of every later
 * snapshot.
 */
const UNPLUG_DEADLINE_MS = 30_000;

function waitForRemoval(machine: RunningMachine, device: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error?: VmbuildError): void => {
      clearTimeout(timer);
      unsubscribe();
      if (error) reject(error);
      else resolve();
    };
    const failed = (message: string) => finish(new VmbuildError("MACHINE_QMP", message));
    const timer = setTimeout(
      () => failed("The guest does not release a hot-plugged disk"),
      UNPLUG_DEADLINE_MS,
    );
    void machine.ended.then(() => failed("QEMU exited before a disk was unplugged"));
    const unsubscribe = machine.onEvent(({ event, data }) => {
      if (event === "DEVICE_DELETED" && data["device"] === device) finish();
    });
  });
}

/**
 * Plugs a file of the host into the machine as a read-only disk, padded with zeros to whole
 * sectors.
 * @throws {VmbuildError} MACHINE_QMP when QEMU or the machine type does not support it.
 */
export async function plugReadOnlyDisk(
  machine: RunningMachine,
  path: string,
): Promise<PluggedDisk> {
  const serial = `vmb${randomBytes(6).toString("hex")}`;
  const node = `node-${serial}`;
  const device = `dev-${serial}`;
  const { qmp } = machine;
  const hasSlot = machine.arguments.some((argument) => argument.includes(`id=${PAYLOAD_SLOT}`));
  await qmp.execute("blockdev-add", {
    driver: "raw",
    "node-name": node,
    "read-only": true,
    file: { driver: "file", filename: path, "read-only": true },
  });
  try {
    await qmp.execute("device_add", {
      driver: "virtio-blk-pci",
      id: device,
      drive: node,
      serial,
      ...(hasSlot ? { bus: PAYLOAD_SLOT } : {}),
    });
  } catch (error) {
    await qmp.execute("blockdev-del", { "node-name": node });
    throw error;
  }
  return {
    serial,
    async unplug() {
      const removed = waitForRemoval(machine, device);
      await Promise.all([qmp.execute("device_del", { id: device }), removed]);
      await qmp.execute("blockdev-del", { "node-name": node });
    },
  };
}
