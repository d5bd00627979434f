/** Defines the `import` command. */
import { Command } from "@commander-js/extra-typings";
import { collect } from "../options.js";
import type { DefineCommand } from "./define.js";

export const importCommand: DefineCommand = (setExitCode) =>
  new Command("import")
    .description("convert a Packer template to vmbuild's format")
    .argument("<path>", "a .pkr.hcl or .json file of Packer's, or a folder of them")
    .option("-o, --output <file>", "write to this file, a folder with a slash, or stdout (-)")
    .option("--var <name=value>", "set a variable (repeatable)", collect)
    .option("--var-file <file>", "set variables from a file (repeatable)", collect)
    .option("--only <source>", "convert only these sources (repeatable)", collect)
    .option("--except <source>", "leave out these sources (repeatable)", collect)
    .option("--force", "replace existing files")
    .addHelpText(
      "after",
      `
Writes one JSON file for each image, with comments: what each part came from, what vanished and
why, and what is left to do by hand. The result is then checked as by \`vmbuild validate\`. Where
vmbuild has no such expression, the value in this call takes its place.

Examples:
  vmbuild import debian.pkr.hcl                      writes NAME.json, after the source's name
  vmbuild import packer/ -o templates/ --var-file ubuntu.pkrvars.hcl
  vmbuild import template.json --only qemu -o image.json`,
    )
    .action(async (path, flags) => {
      const work = await import("../import.js");
      setExitCode(await work.importTemplate(path, flags));
    });
