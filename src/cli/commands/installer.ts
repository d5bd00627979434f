/** Defines the `installer` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const installer: DefineCommand = (setExitCode) => {
  const command = new Command("installer")
    .description("make the image of a USB stick that installs an image on machines")
    .argument("<name>", "the template of the image; with --payload, any name for the stick")
    .option("--payload <image>", "install this file: .qcow2, .raw, .raw.zst, .raw.gz or .tar")
    .option("--image <dir>", "look for the image in this folder, not in the template's")
    .option("--to <file>", "write the stick's image to this file, not to output/NAME-installer/")
    .option("--size <size>", "size of the stick, such as 14G; by default what the image needs")
    .option("--label <label>", "label of the data partition", "CBDEPLOY")
    .option("--mode <mode>", "auto (the default), ask, or dry-run")
    .option("--settings <file>", "an installer.conf of your own, in place of --mode")
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
Write the result to a whole stick, not to a partition, for example with dd or balenaEtcher. It starts
by BIOS and by UEFI, with secure boot too. The installer erases the disk that the rules in
installer.conf select; docs/usb-installer.md describes them.

Examples:
  vmbuild installer debian-12
  vmbuild installer debian-12 --mode ask --size 14G
  vmbuild installer nodes --payload rocky8-base.qcow2 --to /srv/nodes.img`,
    )
    .action(async (name, flags) => {
      const work = await import("../installer.js");
      setExitCode(await work.installer(name, flags));
    });
};
