/** Context of bases that no test in the file creates with an installer. */
import type { InstallerContext } from "../../src/base/kind.js";
import { SMALL_SHAPE } from "./machine.js";

export const noInstaller: InstallerContext = {
  references: () => undefined,
  keepsSize: false,
  machine: { ...SMALL_SHAPE, name: "none", memory: 2 ** 30, cpuModel: undefined },
  prepare: () => Promise.reject(new Error("no installer is expected here")),
};
