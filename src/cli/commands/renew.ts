/** Defines the `renew` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const renew: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("renew")
      .description("set the deadline of a run to a time from now, and print it")
      .argument("<run>", "the build or the run")
      .argument("<time>", "the time from now, such as 2h"),
  )
    .addHelpText(
      "after",
      `
A run without a deadline gets one.

Examples:
  vmbuild renew demo 2h`,
    )
    .action(async (name, time, flags, command) => {
      const { runElsewhere } = await import("../elsewhere.js");
      const there = await runElsewhere(command, flags.on);
      if (there !== undefined) return setExitCode(there);
      const work = await import("../renew.js");
      setExitCode(await work.renew(name, time));
    });
