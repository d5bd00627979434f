/** Defines the `diff` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { addOutputOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const diff: DefineCommand = (setExitCode) => {
  const command = new Command("diff")
    .description("compare two images: packages, sizes, steps, and what they were made from")
    .argument("<from>", "the older image: a folder, a manifest, an image, or a template's name")
    .argument("<to>", "the newer image, likewise")
    .option("--appliances <dir>", "look up templates that are given by name in this folder")
    .addOption(new Option("--markdown", "print Markdown for release notes").conflicts("json"))
    .option("--json", "print the result as one JSON object");
  return addOutputOptions(command)
    .addHelpText(
      "after",
      `
An image is compared by its manifest.json and packages.txt, which a run writes beside it. The exit
code is 0 whether or not something differs.

Examples:
  vmbuild diff old/demo demo
  vmbuild diff /srv/images/demo-1.0.0.qcow2 output/demo --markdown > CHANGES.md`,
    )
    .action(async (from, to, flags) => {
      const work = await import("../diff.js");
      setExitCode(await work.diff(from, to, flags));
    });
};
