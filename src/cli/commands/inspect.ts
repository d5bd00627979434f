/** Defines the `inspect` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const inspect: DefineCommand = (setExitCode) => {
  const command = new Command("inspect")
    .description("show what a run would do, without doing it")
    .argument("<template>", "the path of a template, or a name under appliances/")
    .option("--output <dir>", "assume that the image goes to this folder")
    .option("--probe", "test KVM as a run would, and show the result")
    .option("--origin", "show instead which file or option each value of the template came from")
    .option("--json", "print the plan as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
Shows the variables, the sources of base and inputs, QEMU's argument list (RUN stands for the
run's id, port 0 for a free one), the steps and the files that are made.

Examples:
  vmbuild inspect demo
  vmbuild inspect demo --accel tcg --memory 2G
  vmbuild inspect slm-copilot --origin
  vmbuild inspect demo --json | jq -r '.qemu.arguments[]'`,
    )
    .action(async (name, flags) => {
      const work = await import("../inspect.js");
      setExitCode(await work.inspect(name, flags));
    });
};
