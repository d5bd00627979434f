/** Context of bases that no test in the file creates with an installer. */
import type { InstallerContext } from "../../src/base/kind.js";

export const noInstaller: InstallerContext = {
  references: () => undefined,
  machine: {
    name: "none",
    binary: "qemu-system-x86_64",
    cpus: 1,
    memory: 2 ** 30,
    cpuModel: undefined,
    machineType: "q35",
    diskBus: "virtio",
    firmware: "bios",
    network: "user",
    extraArguments: [],
  },
  prepare: () => Promise.reject(new Error("no installer is expected here")),
};
