/** Defines the `attach` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { addOutputOptions } from "../options.js";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const attach: DefineCommand = (setExitCode) => {
  const command = new Command("attach")
    .description("show the progress of a run, which goes on without the view")
    .argument("[run]", "the build or the run; the only running one by default")
    .addOption(
      new Option("--from <where>", "begin the view with the run, or with what it does now")
        .choices(["start", "now"] as const)
        .default("start" as const),
    )
    .option("--hold", "hold the run's lease (run --lease-connection) while attached");
  return addOutputOptions(addOnOption(command))
    .addHelpText(
      "after",
      `
Press d, or Ctrl-C twice, to leave the view, and Enter to resume a paused run. The exit code is that
of the run, or 0 if the view was left.

Examples:
  vmbuild attach demo
  vmbuild attach 3f9a1c --from now
  vmbuild attach demo --on ssh://me@builder`,
    )
    .action(async (text, flags) => {
      const { hostFor } = await import("../../hosts/contexts.js");
      const address = await hostFor(flags.on);
      if (address !== undefined) {
        const { attachOn } = await import("../attach-on.js");
        return setExitCode(await attachOn(address, text, flags));
      }
      const work = await import("../attach.js");
      setExitCode(await work.attach(text, flags));
    });
};
