/** Defines the `logs` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { COLOR_CHOICES } from "../output-options.js";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const logs: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("logs")
      .description("show a run's progress, its guest's console, or a step's output")
      .argument("<name>", "the build")
      .option("--run <id>", "select a run by its id, or the start or end of it (default: the last)")
      .option("--console", "show the guest's console from its first byte")
      .option("--step <step>", "show the output of a step, by name or number")
      .option("--qemu", "show QEMU's own output")
      .option("--json", "print the recorded events, one JSON object per line")
      .option("-f, --follow", "follow until the run ends")
      .addOption(
        new Option("--color <when>", "set when to use colors")
          .choices(COLOR_CHOICES)
          .default("auto" as const),
      ),
  )
    .addHelpText(
      "after",
      `
Examples:
  vmbuild logs demo
  vmbuild logs demo --follow
  vmbuild logs demo --console | less
  vmbuild logs demo --step packages --run 20260214-170400-3f9a1c`,
    )
    .action(async (name, flags, command) => {
      const { runElsewhere } = await import("../elsewhere.js");
      const there = await runElsewhere(command, flags.on);
      if (there !== undefined) return setExitCode(there);
      const work = await import("../logs.js");
      setExitCode(await work.logs(name, flags));
    });
