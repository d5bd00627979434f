/** Defines the `destroy` command. */
import { Command, Option } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const destroy: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("destroy")
      .description("end a build's run, and remove its working disk, checkpoints, keys and logs")
      .argument("<name>", "the build")
      .addOption(
        new Option("--keep-artifact", "keep the finished image (the default)").conflicts("all"),
      )
      .option("--all", "remove the finished image too, with the files beside it")
      .option("--json", "print what was removed as one JSON object"),
  )
    .addHelpText(
      "after",
      `
A build that does not exist is not an error. Shared caches are left to vmbuild prune.

Examples:
  vmbuild destroy demo
  vmbuild destroy demo --all`,
    )
    .action(async (name, flags, command) => {
      const { runElsewhere } = await import("../elsewhere.js");
      const there = await runElsewhere(command, flags.on);
      if (there !== undefined) return setExitCode(there);
      const work = await import("../destroy.js");
      setExitCode(await work.destroy(name, flags));
    });
