/** Defines the `deliver` command. */
import { Command } from "@commander-js/extra-typings";
import { addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const deliver: DefineCommand = (setExitCode) => {
  const command = new Command("deliver")
    .description("send the events that could not be delivered to a template's sinks")
    .argument("<template>", "path of a template, or name under appliances/")
    .option("--timeout <time>", "longest time for each sink", "1m")
    .option("--json", "print the result as one JSON object");
  return addTemplateOptions(command)
    .addHelpText(
      "after",
      `
The next run of the build does the same. The end of a run that was killed is delivered as well.
Three failures in a row end the delivery to a sink before its time is over (docs/sinks.md).

Examples:
  vmbuild deliver demo
  vmbuild deliver demo --var hub_token="$TOKEN" --timeout 10m`,
    )
    .action(async (name, flags) => {
      const work = await import("../deliver.js");
      setExitCode(await work.deliver(name, flags));
    });
};
