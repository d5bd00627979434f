/** Defines the `validate` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const validate: DefineCommand = (setExitCode) => {
  const command = new Command("validate")
    .description("check templates and all that they refer to, without a machine")
    .argument("<template...>", "paths of templates, or names under appliances/")
    .option("--json", "print the findings as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
Checks the schema, variables and references, every file that is named, the syntax of scripts and
shell commands, cloud-init's user-data, and whether the base fits on the disk. All problems are
listed at once. Nothing is downloaded.

Examples:
  vmbuild validate demo
  vmbuild validate appliances/*/*.json
  vmbuild validate slm-copilot.json --var model=small --json`,
    )
    .action(async (names, flags) => {
      const work = await import("../validate.js");
      setExitCode(await work.validate(names, flags));
    });
};
