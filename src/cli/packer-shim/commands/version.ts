/** Defines `packer version`. */
import { PACKER_VERSION } from "../../../packer/version.js";
import type { Call, ShimCommand } from "../command.js";

/** Prints the version of Packer whose templates vmbuild reads, which is what scripts compare. */
function printVersion({ ui }: Call): number {
  ui.machine("version", [PACKER_VERSION]);
  // Packer's own spelling.
  ui.machine("version-prelease", [""]);
  ui.machine("version-commit", [""]);
  ui.print("say", `Packer v${PACKER_VERSION}`);
  return 0;
}

export const versionCommand: ShimCommand = {
  name: "version",
  synopsis: "print the version of Packer that vmbuild follows",
  usage: "",
  about: "Prints the version of Packer whose templates vmbuild reads.",
  flags: [],
  // As in Packer, further words are ignored.
  count: [0, Infinity],
  run: printVersion,
};
