/** Defines the `checkpoints` command and its subcommands `list` and `rm`. */
import { Command } from "@commander-js/extra-typings";
import { addTemplateOptions } from "../options.js";
import type { DefineCommand, SetExitCode } from "./define.js";

const EXAMPLES = `
A checkpoint is the state of the whole machine after a step. It includes memory, so it may
contain secrets.

Examples:
  vmbuild checkpoints list demo
  vmbuild checkpoints rm demo site       remove that one and those made on top of it
  vmbuild checkpoints rm demo            remove all of them`;

function defineList(setExitCode: SetExitCode) {
  const command = new Command("list")
    .description("list a build's checkpoints and whether they are still valid")
    .usage("[options] <name>")
    .argument("<name>", "a template, or the name of a build")
    // Handles `checkpoints NAME rm STEP...`, the syntax of earlier versions.
    .argument("[rm...]", "rm STEP...: as `checkpoints rm NAME STEP...`")
    .option("--json", "print the list as one JSON object");
  return addTemplateOptions(command).action(async (name, words, flags) => {
    const work = await import("../checkpoints.js");
    setExitCode(await work.listOrRemove(name, words, flags));
  });
}

function defineRm(setExitCode: SetExitCode) {
  const command = new Command("rm")
    .description("remove a build's checkpoints")
    .argument("<name>", "a template, or the name of a build")
    .argument("[step...]", "remove those of these steps, and all made on top of them");
  return addTemplateOptions(command).action(async (name, steps, flags) => {
    const work = await import("../checkpoints.js");
    setExitCode(await work.removeNamed(name, steps, flags));
  });
}

export const checkpoints: DefineCommand = (setExitCode) =>
  new Command("checkpoints")
    .description("list a build's checkpoints, or remove some")
    .usage("list|rm [options] <name>")
    .helpCommand(false)
    .addCommand(defineList(setExitCode), { isDefault: true })
    .addCommand(defineRm(setExitCode))
    .addHelpText("after", EXAMPLES);
