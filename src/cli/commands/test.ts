/** Defines the `test` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import { addBootOptions } from "./boot-options.js";
import type { DefineCommand } from "./define.js";
import { addReportOptions } from "./report-options.js";

export const test: DefineCommand = (setExitCode) => {
  const command = addReportOptions(
    new Command("test")
      .description("boot a finished image and run its acceptance checks")
      .argument("<template>", "the template of the image"),
  ).option(
    "--console <file>",
    "write the serial console to this file, that of later starts to FILE.2, …",
  );
  return addOutputOptions(addTemplateOptions(addBootOptions(command)))
    .addHelpText(
      "after",
      `
The template's acceptance section lists the checks and how the image is booted for them
(docs/acceptance.md). The image is not changed. The exit code is 8 when a check fails or cannot
be made.

Examples:
  vmbuild test demo
  vmbuild test slm-copilot --accel tcg --memory 4G --junit report.xml
  vmbuild test slm-copilot --context ETH0_METHOD=dhcp --json`,
    )
    .action(async (name, flags) => {
      const work = await import("../test.js");
      setExitCode(await work.test(name, flags));
    });
};
