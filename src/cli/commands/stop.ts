/** Defines the `stop` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const stop: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("stop")
      .description("end runs; their logs and checkpoints stay")
      .argument("<run...>", "builds or runs")
      .option("--timeout <time>", "time in which a run is to end by itself", "1m")
      .option("--force", "kill a run that has not ended in that time"),
  )
    .addHelpText(
      "after",
      `
A stopped run fails with TERMINATED, and its next run resumes from the last checkpoint. A run that
has ended is left as it is.

Examples:
  vmbuild stop demo
  vmbuild stop 3f9a1c --timeout 10s --force`,
    )
    .action(async (names, flags, command) => {
      const { runElsewhere } = await import("../elsewhere.js");
      const there = await runElsewhere(command, flags.on);
      if (there !== undefined) return setExitCode(there);
      const work = await import("../stop.js");
      setExitCode(await work.stop(names, flags));
    });
