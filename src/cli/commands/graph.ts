/** Defines the `graph` command. */
import { Command, Option } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const graph: DefineCommand = (setExitCode) => {
  const command = new Command("graph")
    .description("show which templates are the bases of others, and what is up to date")
    .argument("[template...]", "paths of templates, or names under appliances/; all if omitted")
    .option("--output <dir>", "assume that the images go to this folder; with several, to DIR/NAME")
    .addOption(
      new Option("--format <format>", "how to show the graph")
        .choices(["text", "dot", "svg", "json"] as const)
        .default("text" as const),
    );
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
Nothing is built, fetched or changed. A template is out of date when its next run would build a new
image: it says which step would run and why, or which base is out of date. Pass the options with
which the images are built, such as --accel tcg.

Examples:
  vmbuild graph
  vmbuild graph pve-9 --format dot | dot -Tpng >graph.png
  vmbuild graph --format svg >graph.svg
  vmbuild graph --format json | jq -r '.templates[] | select(.state != "up to date").name'`,
    )
    .action(async (names, flags) => {
      const work = await import("../graph.js");
      setExitCode(await work.graph(names, flags));
    });
};
