/** Defines the `wait` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const wait: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("wait")
      .description("wait until runs have ended, and exit as they did")
      .argument("<run...>", "builds or runs")
      .option("--timeout <time>", "stop waiting after this time, with exit code 3")
      .option("--json", "print the ends of the runs as one JSON object"),
  )
    .addHelpText(
      "after",
      `
The exit code is that of the run. With several runs, it is that of the first one that failed.

Examples:
  run=$(vmbuild run demo --detach) && vmbuild wait "$run"
  vmbuild wait debian-12 debian-13 --timeout 2h`,
    )
    .action(async (names, flags, command) => {
      const { runElsewhere } = await import("../elsewhere.js");
      const there = await runElsewhere(command, flags.on);
      if (there !== undefined) return setExitCode(there);
      const work = await import("../wait.js");
      setExitCode(await work.wait(names, flags));
    });
