/** Defines the `create` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, collect } from "../options.js";
import type { DefineCommand } from "./define.js";

export const create: DefineCommand = (setExitCode) => {
  const command = new Command("create")
    .description("build an image, or provision machines, as a profile says; prints JSON")
    .requiredOption("--profile <name>", "name in a folder profiles/, or path of a JSON file")
    .option("--input <key=value>", "set an input of the profile (repeatable)", collect);
  return addOutputOptions(command)
    .addHelpText(
      "after",
      `
Inputs: packer_template=PATH or template=NAME, vm_name=NAME, mode=build|attach, host=HOST[,HOST],
ttl=TIME; all others are those of the profile, or variables of the template (docs/profiles.md).
The command runs in one process, never asks, and ends within seconds after SIGTERM.

Examples:
  vmbuild create --profile vm-packer-build --input packer_template=debian.pkr.hcl --input vm_name=web
  vmbuild create --profile web --input mode=attach --input host=root@10.0.0.7`,
    )
    .action(async (flags) => {
      const work = await import("../create.js");
      setExitCode(await work.create(flags));
    });
};
