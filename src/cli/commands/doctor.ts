/** Defines the `doctor` command. */
import { Command } from "@commander-js/extra-typings";
import { addOutputOptions, addTemplateOptions } from "../options.js";
import type { DefineCommand } from "./define.js";

export const doctor: DefineCommand = (setExitCode) => {
  const command = new Command("doctor")
    .description("check this host's prerequisites and suggest fixes")
    .argument("[template]", "check only what this template needs")
    .option("--json", "print the checks as one JSON object");
  return addOutputOptions(addTemplateOptions(command))
    .addHelpText(
      "after",
      `
Without a template, checks for a build under KVM: KVM that cannot be used is a failure, unless
--accel tcg or auto is given. The exit code is 3 when such a build cannot run.

Examples:
  vmbuild doctor
  vmbuild doctor demo
  vmbuild doctor --accel tcg --json`,
    )
    .action(async (name, flags) => {
      const work = await import("../doctor.js");
      setExitCode(await work.doctor(name, flags));
    });
};
