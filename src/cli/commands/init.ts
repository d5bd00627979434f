/** Defines the `init` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";

export const init: DefineCommand = (setExitCode) =>
  new Command("init")
    .description("create a new appliance that builds as it is")
    .argument("<name>", "the appliance's name")
    .option("--dir <dir>", "create it in this folder (default: appliances)")
    .addHelpText(
      "after",
      `
Nothing is overwritten: the appliance's folder must be empty or missing.

Examples:
  vmbuild init my-image                 creates appliances/my-image/my-image.json
  vmbuild init my-image --dir images    creates images/my-image/my-image.json`,
    )
    .action(async (name, flags) => {
      const work = await import("../init.js");
      setExitCode(await work.init(name, flags));
    });
