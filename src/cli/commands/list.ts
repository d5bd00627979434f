/** Defines the `list` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const list: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("list")
      .description("list the builds on this host and the results of their last runs")
      .option("--json", "print the list as one JSON object")
      .option("-w, --watch", "show the list again whenever it changes, until Ctrl-C")
      .option("--names", "print only the builds' names")
      .option("--templates", "print the names of templates that can be run from this folder")
      .option("--appliances <dir>", "look for --templates in this folder"),
  )
    .addHelpText(
      "after",
      `
IMAGE is the size of the images of the newest artifact together, WORK the size of logs and
working disks.

Examples:
  vmbuild list
  vmbuild list --watch
  vmbuild list --json | jq -r '.builds[] | select(.state == "failed").name'`,
    )
    .action(async (flags, command) => {
      const { runElsewhere } = await import("../elsewhere.js");
      // Shells complete with these, and must not connect to another host for that.
      const isCompletion = flags.names === true || flags.templates === true;
      const there = await runElsewhere(command, flags.on ?? (isCompletion ? "local" : undefined));
      if (there !== undefined) return setExitCode(there);
      const work = await import("../list.js");
      setExitCode(await work.list(flags));
    });
