/** Defines the `ssh` command. */
import { Command } from "@commander-js/extra-typings";
import type { DefineCommand } from "./define.js";
import { addOnOption } from "./on-option.js";

export const ssh: DefineCommand = (setExitCode) =>
  addOnOption(
    new Command("ssh")
      .description("open a shell in the guest of a running, paused or failed build")
      .argument("[name]", "the build; the only running one by default")
      .argument("[command...]", "a command to run there, after --; its exit code is passed on")
      .option("--step <step>", "open the machine as it was after this step")
      .option("--save", "save what you change; without it, changes are discarded")
      .option("--keep", "leave a paused run paused afterwards")
      .option("--release", "resume a paused run after the command, or at once without one"),
  )
    .addHelpText(
      "after",
      `
A paused run (--break, --debug, --on-error pause) resumes when an interactive session ends.
When no run is active, the machine is opened as it failed, or as the last step left it.

Examples:
  vmbuild ssh                       open the only running build
  vmbuild ssh demo                  open a shell in demo's guest
  vmbuild ssh demo -- journalctl -b    run one command
  vmbuild ssh demo --step packages     open the machine as it was after that step`,
    )
    .action(async (name, words, flags, command) => {
      const { runElsewhere } = await import("../elsewhere.js");
      const there = await runElsewhere(command, flags.on);
      if (there !== undefined) return setExitCode(there);
      const work = await import("../ssh.js");
      setExitCode(await work.ssh(name, words, flags));
    });
