/** Defines the `renew` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";

export const renew: DefineCommand = (setExitCode) =>
  new Command("renew")
    .description("set the deadline of a run to a time from now, and print it")
    .argument("<run>", "the build or the run")
    .argument("<time>", "the time from now, such as 2h")
    .addHelpText(
      "after",
      `
A run without a deadline gets one.

Examples:
  vmbuild renew demo 2h`,
    )
    .action(async (name, time) => {
      const work = await import("../renew.js");
      setExitCode(await work.renew(name, time));
    });
